import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, signal, start } from '../processes.ts';
import { Peer } from './peer.ts';
import { type Setting, type TargetOptions, VERSION_PATH } from './target.ts';

/**
 * HAProxy: one worker process with threads under a master, `USR2`. Its master does not replace a
 * worker that was killed, so there is none to kill. `idleClose` sets its option to keep idle
 * connections over a reload until their next response, which is off by default.
 */
export class HAProxy extends Peer {
  override readonly name = 'haproxy';
  override title = 'HAProxy';
  readonly #idleClose: boolean;
  readonly #file: string;

  constructor(options: TargetOptions, idleClose = false) {
    super(options);
    this.#idleClose = idleClose;
    this.#file = join(options.folder, 'haproxy.cfg');
  }

  override save({ version, workers }: Setting): void {
    const { folder, port, backendPort } = this.options;
    writeFileSync(
      this.#file,
      `global
  nbthread ${workers}
  maxconn 8192
  stats socket ${folder}/haproxy.sock mode 600 level admin expose-fd listeners
defaults
  mode http
  timeout connect 10s
  timeout client 75s
  timeout server 75s
  timeout http-keep-alive 75s
frontend storm
  bind 127.0.0.1:${port} backlog 4096
  ${this.#idleClose ? 'option idle-close-on-response' : ''}
  http-request return status 200 content-type text/plain string "${version}" if { path ${VERSION_PATH} }
  default_backend backend
backend backend
  server backend 127.0.0.1:${backendPort}
`,
    );
  }

  override async start(): Promise<void> {
    const { folder } = this.options;
    const [, version = ''] =
      /version (\d+\.\d+\.\d+)/.exec(await run(folder, 'haproxy', ['-v'])) ?? [];
    this.title = `HAProxy ${version}${this.#idleClose ? ', idle-close-on-response' : ''}`;
    this.main = start(folder, 'haproxy.log', 'haproxy', ['-W', '-db', '-f', this.#file]);
  }

  override async reload(): Promise<void> {
    signal(this.main?.pid ?? 0, 'SIGUSR2');
  }
}

import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, signal, start } from '../processes.ts';
import { type Setting, type Target, type TargetOptions, VERSION_PATH } from './target.ts';

/** Caddy: one process, `caddy reload`. */
export class Caddy implements Target {
  readonly name = 'caddy';
  title = 'Caddy';
  main: ChildProcess | null = null;
  readonly watchesFile = false;
  readonly resizable = false;
  readonly workers = null;
  readonly reloadByApi = null;
  readonly upgrade = null;
  readonly restart = null;
  readonly generation = null;
  readonly settled = null;
  readonly complaints = null;
  readonly #options: TargetOptions;
  readonly #file: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(options: TargetOptions) {
    this.#options = options;
    this.#file = join(options.folder, 'Caddyfile');
    this.#env = {
      HOME: options.folder,
      XDG_CONFIG_HOME: options.folder,
      XDG_DATA_HOME: options.folder,
      GOMAXPROCS: `${options.workers}`,
    };
  }

  save({ version }: Setting): void {
    const { folder, port, backendPort } = this.#options;
    writeFileSync(
      this.#file,
      `{
  admin unix/${folder}/caddy.sock
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  handle ${VERSION_PATH} {
    respond "${version}"
  }
  handle {
    reverse_proxy 127.0.0.1:${backendPort}
  }
}
`,
    );
  }

  async start(): Promise<void> {
    const { folder } = this.#options;
    const [version = ''] = (await run(folder, 'caddy', ['version'], this.#env)).split(' ');
    this.title = `Caddy ${version.trim()}`;
    const args = ['run', '--config', this.#file, '--adapter', 'caddyfile'];
    this.main = start(folder, 'caddy.log', 'caddy', args, this.#env);
  }

  async reload(): Promise<void> {
    const { folder } = this.#options;
    const args = ['reload', '--force', '--config', this.#file, '--adapter', 'caddyfile'];
    await run(folder, 'caddy', args, this.#env);
  }

  async stop(): Promise<void> {
    signal(this.main?.pid ?? 0, 'SIGTERM');
  }
}

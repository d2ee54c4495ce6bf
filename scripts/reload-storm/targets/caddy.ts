import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, start } from '../processes.ts';
import { Peer } from './peer.ts';
import { type Setting, type TargetOptions, VERSION_PATH } from './target.ts';

/** Caddy: one process, `caddy reload`. */
export class Caddy extends Peer {
  override readonly name = 'caddy';
  override title = 'Caddy';
  override readonly resizable = false;
  readonly #file: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(options: TargetOptions) {
    super(options);
    this.#file = join(options.folder, 'Caddyfile');
    this.#env = {
      HOME: options.folder,
      XDG_CONFIG_HOME: options.folder,
      XDG_DATA_HOME: options.folder,
      GOMAXPROCS: `${options.workers}`,
    };
  }

  override save({ version }: Setting): void {
    const { folder, port, backendPort } = this.options;
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

  override async start(): Promise<void> {
    const { folder } = this.options;
    const [version = ''] = (await run(folder, 'caddy', ['version'], this.#env)).split(' ');
    this.title = `Caddy ${version.trim()}`;
    const args = ['run', '--config', this.#file, '--adapter', 'caddyfile'];
    this.main = start(folder, 'caddy.log', 'caddy', args, this.#env);
  }

  override async reload(): Promise<void> {
    const { folder } = this.options;
    const args = ['reload', '--force', '--config', this.#file, '--adapter', 'caddyfile'];
    await run(folder, 'caddy', args, this.#env);
  }
}

import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childrenOf, signal, start } from '../processes.ts';
import { type Setting, type Target, type TargetOptions, VERSION_PATH } from './target.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const cli = join(root, 'src/cli.ts');

/** Evergate itself, from its sources. */
export class Evergate implements Target {
  readonly name = 'evergate';
  title = 'Evergate';
  main: ChildProcess | null = null;
  readonly watchesFile = true;
  readonly resizable = true;
  upgrade: (() => Promise<void>) | null = null;
  readonly #options: TargetOptions;
  readonly #file: string;

  constructor(options: TargetOptions) {
    this.#options = options;
    this.#file = join(options.folder, 'evergate.yml');
  }

  save({ version, workers }: Setting): void {
    const { folder, port, backendPort, reusePort } = this.#options;
    writeFileSync(
      this.#file,
      `path.data: ${folder}/data
path.logs: ${folder}/log
configs.auto_reload: true
workers: ${workers}
entry:
  - name: storm
    router: storm
    network:
      binding: 127.0.0.1:${port}
      reuse_port: ${reusePort}
router:
  - name: storm
    default_flow: backend
    rules:
      - method: GET
        pattern: ${VERSION_PATH}
        flow: version
flow:
  - name: version
    filter:
      - echo:
          message: "${version}"
  - name: backend
    filter:
      - http:
          schema: http
          host: 127.0.0.1:${backendPort}
`,
    );
  }

  async start(): Promise<void> {
    const { folder } = this.#options;
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    this.title = `Evergate ${version}`;
    this.main = start(folder, 'evergate.log', process.execPath, [cli, 'run', '-c', this.#file]);
  }

  async reload(): Promise<void> {
    signal(await this.#pid(), 'SIGHUP');
  }

  reloadByApi = async (): Promise<void> => {
    const { status, body } = await this.#control('POST', '/reload');
    if (status !== 200) throw new Error(`POST /reload answered ${status}: ${JSON.stringify(body)}`);
  };

  workers = (): number[] => childrenOf(this.main?.pid ?? -1);

  generation = async (): Promise<number> => {
    const { body } = await this.#control('GET', '/status');
    return Number(body.generation);
  };

  async stop(): Promise<void> {
    signal(await this.#pid(), 'SIGTERM');
  }

  async #pid(): Promise<number> {
    return this.main?.pid ?? 0;
  }

  #control(method: string, path: string): Promise<{ status: number; body: Status }> {
    const socketPath = join(this.#options.folder, 'data', 'evergate.sock');
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath, method, path, timeout: 60_000 }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Status }),
        );
      });
      asked.on('error', reject);
      asked.on('timeout', () => asked.destroy(new Error(`no answer to ${method} ${path}`)));
      asked.end();
    });
  }
}

interface Status {
  readonly generation?: number;
}

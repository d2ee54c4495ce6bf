import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ControlAnswer, requestControl } from '../../../src/primary/control/client.ts';
import type { GatewayStatus } from '../../../src/primary/status/types.ts';
import { titleOf } from '../ownership.ts';
import { childrenOf, ended, run, signal, start } from '../processes.ts';
import { type Setting, type Target, type TargetOptions, VERSION_PATH } from './target.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Descriptors of the primary that may be more at the end: workers, draining ones and their sockets. */
const SLACK = 12;

/** Evergate itself. */
export class Evergate implements Target {
  readonly name = 'evergate';
  title = 'Evergate';
  main: ChildProcess | null = null;
  readonly watchesFile = true;
  readonly resizable = true;
  upgrade: (() => Promise<void>) | null = null;
  restart: ((setting: Setting) => Promise<void>) | null = null;
  readonly #options: TargetOptions;
  /** Gateways started so far: each has a configuration and a folder for data of its own. */
  #instance = 0;
  /** The primary's process, which an upgrade changes. */
  #primary = -1;
  #descriptorsAtFirst = 0;

  constructor(options: TargetOptions) {
    this.#options = options;
    if (options.reusePort) this.restart = (setting) => this.#restart(setting);
  }

  get #file(): string {
    return join(this.#options.folder, `evergate-${this.#instance}.yml`);
  }

  get #data(): string {
    return join(this.#options.folder, `data-${this.#instance}`);
  }

  save(setting: Setting, atomically: boolean): void {
    const { folder } = this.#options;
    const text = this.#configuration(setting);
    if (!atomically) writeFileSync(this.#file, text);
    else {
      writeFileSync(join(folder, 'new'), text);
      renameSync(join(folder, 'new'), this.#file);
    }
  }

  #configuration({ version, workers }: Setting): string {
    const { folder, port, backendPort, reusePort } = this.#options;
    return `path.data: ${this.#data}
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
`;
  }

  async start(): Promise<void> {
    const { folder, program } = this.#options;
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      version: string;
    };
    this.title = `Evergate ${version}`;
    const commands = await run(folder, process.execPath, [program, '--help']);
    if (/^ +upgrade\b/m.test(commands)) this.upgrade = () => this.#upgrade();
    this.#launch();
  }

  #launch(): void {
    const { folder, program } = this.#options;
    this.main = start(
      folder,
      'evergate.log',
      process.execPath,
      [program, 'run', '-c', this.#file],
      // Sources take long to load without it.
      { NODE_COMPILE_CACHE: join(folder, 'cache') },
    );
    this.#primary = this.main.pid ?? 0;
  }

  async reload(): Promise<void> {
    signal(this.#primary, 'SIGHUP');
  }

  async #upgrade(): Promise<void> {
    const { folder, program } = this.#options;
    await run(folder, process.execPath, [program, 'upgrade', '-c', this.#file]);
    const { pid } = await this.#status();
    if (pid === this.#primary) throw new Error(`process ${pid} is still the primary`);
    this.#primary = pid;
  }

  /** Another gateway on the same address, and an end to the one before. */
  async #restart(setting: Setting): Promise<void> {
    const { main: before } = this;
    const old = this.#primary;
    this.#instance += 1;
    this.save(setting, false);
    this.#launch();
    while ((await this.#status().catch(() => null))?.pid !== this.#primary) {
      if (this.main?.exitCode !== null) throw new Error('the second gateway did not start');
      await sleep(20);
    }
    this.#descriptorsAtFirst = this.#descriptors();
    signal(old, 'SIGTERM');
    if (before && !(await ended(before, 180_000))) throw new Error('the first gateway did not end');
    if (before?.exitCode !== 0) throw new Error(`the first gateway ended with ${before?.exitCode}`);
  }

  reloadByApi = async (): Promise<void> => {
    const { status, body } = await this.#control('POST', '/reload');
    if (status !== 200) throw new Error(`POST /reload answered ${status}: ${JSON.stringify(body)}`);
  };

  /** Beside workers there is the guard, which outlives the primary. */
  workers = (): number[] =>
    childrenOf(this.#primary).filter((pid) => !titleOf(pid).includes('guard'));

  killPrimary = async (): Promise<void> => {
    const orphans = this.workers();
    signal(this.#primary, 'SIGKILL');
    await sleep(Math.random() * 1000);
    this.#launch();
    while ((await this.#status().catch(() => null))?.pid !== this.#primary) {
      if (this.main?.exitCode !== null) throw new Error('the gateway did not start again');
      await sleep(20);
    }
    this.#descriptorsAtFirst = this.#descriptors();
    while (orphans.some((pid) => titleOf(pid) !== '')) await sleep(20);
  };

  generation = async (): Promise<number> => (await this.#status()).generation;

  settled = async (count: number): Promise<boolean> => {
    const { generation, workers, waiting } = await this.#status();
    const ready = workers.filter(
      (each) => each.generation === generation && each.stage === 'ready',
    );
    return waiting === null && workers.length === count && ready.length === count;
  };

  complaints = async (): Promise<string[]> => {
    const { reloads } = await this.#status();
    const found = reloads
      .filter(({ result }) => result === 'refused' || result === 'rolled-back')
      .map(
        ({ generation, result, problems }) =>
          `reload to ${generation} ${result}: ${problems.join('; ')}`,
      );
    const descriptors = this.#descriptors();
    if (descriptors > this.#descriptorsAtFirst + SLACK) {
      found.push(
        `the primary leaks descriptors: ${this.#descriptorsAtFirst} at first, ${descriptors} now`,
      );
    }
    return found;
  };

  async stop(): Promise<void> {
    signal(this.#primary, 'SIGTERM');
  }

  async #status(): Promise<GatewayStatus> {
    this.#descriptorsAtFirst ||= this.#descriptors();
    return (await this.#control('GET', '/status')).body as GatewayStatus;
  }

  #control(method: 'GET' | 'POST', path: string): Promise<ControlAnswer> {
    return requestControl(join(this.#data, 'evergate.sock'), method, path);
  }

  #descriptors(): number {
    return readdirSync(`/proc/${this.#primary}/fd`).length;
  }
}

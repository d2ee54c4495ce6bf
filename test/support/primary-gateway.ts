/** Starts stand-in gateways for tests of the primary. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type {
  EntryConfig,
  GatewayConfig,
  NetworkConfig,
  SupervisionConfig,
} from '../../src/config/types.ts';
import { requestControl } from '../../src/primary/control/client.ts';
import type { ReloadRecord } from '../../src/primary/reload/record.ts';
import type { GatewayStatus } from '../../src/primary/status/types.ts';
import { eventually, patienceMs } from './eventually.ts';
import { temporaryFolder } from './temporary-folder.ts';

const program = fileURLToPath(new URL('stand-in-gateway.ts', import.meta.url));

/** Without orphans, so that no worker outlives its test. */
const usualSupervision = { heartbeat_timeout: 15_000, orphan_timeout: 0, shutdown_delay: 0 };

/** An entry on a free port of 127.0.0.1. */
export function entry(
  name: string,
  network: Partial<NetworkConfig> = {},
  rest: Partial<EntryConfig> = {},
): EntryConfig {
  return {
    name,
    max_concurrency: 10_000,
    router: 'default',
    network: {
      host: '127.0.0.1',
      port: 0,
      publish: null,
      reuse_port: true,
      skip_occupied_port: false,
      ...network,
    },
    tls: { enabled: false, cert_file: null, key_file: null, skip_insecure_verify: false },
    drain: { idle: 1000, timeout: 3000 },
    ...rest,
  } as EntryConfig;
}

/** What can be said of a stand-in's configuration; `flow` names the behaviour of its workers. */
export interface StandInConfig {
  readonly entry: readonly EntryConfig[];
  readonly flow?: string;
  readonly workers?: number;
  readonly auto_reload?: boolean;
  readonly supervision?: Partial<SupervisionConfig>;
}

export class StandInGateway {
  readonly folder: string;
  readonly data: string;
  readonly process: ChildProcess;
  output = '';
  readonly #file: string;

  constructor(folder: string, config: StandInConfig, workers: number, pidFile?: string) {
    this.folder = folder;
    this.data = join(folder, 'data');
    this.#file = join(folder, 'evergate.json');
    this.write(config);
    const args = [program, this.#file, `${workers}`, ...(pidFile ? [pidFile] : [])];
    const env = { ...process.env, STAND_IN_BROKEN: this.#broken };
    this.process = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const collect = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    this.process.stdout?.on('data', collect);
    this.process.stderr?.on('data', collect);
  }

  get pid(): number {
    return this.process.pid ?? assert.fail('the gateway did not start');
  }

  get ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** From now on new workers end at once. */
  breakProgram(): void {
    writeFileSync(this.#broken, '');
  }

  mendProgram(): void {
    rmSync(this.#broken);
  }

  get #broken(): string {
    return join(this.folder, 'broken');
  }

  get socket(): string {
    return join(this.data, 'evergate.sock');
  }

  write({
    entry: entries,
    flow = 'one',
    workers = 2,
    auto_reload = false,
    supervision,
  }: StandInConfig): void {
    const config = {
      entry: entries,
      router: [],
      flow: [{ name: flow, filter: [] }],
      elasticsearch: [],
      workers,
      supervision: { ...usualSupervision, ...supervision },
      path: { data: this.data, logs: this.folder, configs: null },
      configs: { auto_reload },
      log: { level: 'info' },
    } as unknown as GatewayConfig;
    this.writeText(JSON.stringify(config));
  }

  writeText(content: string): void {
    writeFileSync(`${this.#file}.new`, content);
    renameSync(`${this.#file}.new`, this.#file);
  }

  async status(): Promise<GatewayStatus> {
    const { status, body } = await requestControl(this.socket, 'GET', '/status');
    assert.equal(status, 200, JSON.stringify(body));
    return body as GatewayStatus;
  }

  async reload(): Promise<{ status: number; record: ReloadRecord }> {
    const { status, body } = await requestControl(this.socket, 'POST', '/reload');
    return { status, record: body as ReloadRecord };
  }

  async ready(): Promise<this> {
    await eventually('the gateway to serve', async () => {
      assert.ok(!this.ended, `the gateway ended:\n${this.output}`);
      const status = await this.status().catch(() => null);
      return status?.pid === this.pid;
    });
    return this;
  }

  async port(name: string): Promise<number> {
    const { entries } = await this.status();
    const [address = ''] = entries.find((found) => found.name === name)?.addresses ?? [];
    return Number(address.split(':').at(-1));
  }

  /** Kills the primary alone, and waits for its end. */
  async killPrimary(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exit();
  }

  /** Waits for the end. */
  async exit(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (!this.ended) await once(this.process, 'exit');
    return { code: this.process.exitCode, signal: this.process.signalCode };
  }

  async stop(): Promise<void> {
    if (this.ended) return;
    // The second signal stops at once.
    this.process.kill('SIGTERM');
    await sleep(300);
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), patienceMs);
    await this.exit();
    clearTimeout(timer);
  }
}

/** Starts a gateway without waiting for it. */
export function launch(
  t: TestContext,
  config: StandInConfig,
  options: { workers?: number; folder?: string; pidFile?: string } = {},
): StandInGateway {
  const folder = options.folder ?? temporaryFolder(t);
  const gateway = new StandInGateway(folder, config, options.workers ?? 2, options.pidFile);
  t.after(() => gateway.stop());
  return gateway;
}

export function start(
  t: TestContext,
  config: StandInConfig,
  options: { workers?: number; folder?: string; pidFile?: string } = {},
): Promise<StandInGateway> {
  return launch(t, config, options).ready();
}

/** A gateway that has a request under way, which takes half a second. */
export async function startBusy(t: TestContext): Promise<{
  gateway: StandInGateway;
  /** Processes of its workers. */
  workers: number[];
  slow: Promise<Answer>;
}> {
  const gateway = await start(t, { entry: [entry('a')] });
  const workers = (await gateway.status()).workers.map(({ pid }) => pid);
  const slow = ask(await gateway.port('a'), { path: '/slow' });
  await eventually('the request to arrive', async () =>
    (await gateway.status()).entries.some(({ total }) => total > 0),
  );
  return { gateway, workers, slow };
}

export interface Answer {
  readonly status: number;
  readonly pid: number;
  readonly entry: string;
  readonly flow: string;
}

/** One request, on a connection of its own unless an agent is given. */
export function ask(port: number, options: { path?: string; agent?: Agent; host?: string } = {}) {
  const { path = '/', agent, host = '127.0.0.1' } = options;
  return new Promise<Answer>((resolve, reject) => {
    const asked = request(
      { host, port, path, agent: agent ?? false, timeout: patienceMs },
      (response) => {
        text(response).then(
          (body) =>
            resolve({ ...JSON.parse(body || '{}'), status: response.statusCode ?? 0 } as Answer),
          reject,
        );
      },
    );
    asked.once('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.once('error', reject);
    asked.end();
  });
}

/** Clients that ask again and again, each on new connections, until the test's end at the latest. */
export class Clients {
  asked = 0;
  readonly failures: string[] = [];
  readonly flows = new Set<string>();
  #stopped = false;
  readonly #done: Promise<unknown>;

  constructor(t: TestContext, port: number, count: number) {
    t.after(() => this.stop());
    this.#done = Promise.all(Array.from({ length: count }, () => this.#run(port)));
  }

  async #run(port: number): Promise<void> {
    while (!this.#stopped) {
      try {
        const { flow, status } = await ask(port);
        assert.equal(status, 200);
        this.flows.add(flow);
      } catch (error) {
        this.failures.push(String(error));
      }
      this.asked++;
      await sleep(1);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Real gateways, and real backends behind them, for tests; each ends with its test. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { requestControl } from '../../src/primary/control/client.ts';
import type { GatewayStatus } from '../../src/primary/status/types.ts';
import { cli } from './program-path.ts';
import { eventually, patienceMs } from './eventually.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** An HTTP backend on a free port of 127.0.0.1. */
export async function startBackend(
  t: TestContext,
  listener: RequestListener,
): Promise<{ origin: string; port: number }> {
  const server = createServer(listener);
  // It never gives a connection up by itself: one that is reused just then would fail.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, port };
}

export interface GatewayOptions {
  /** Arguments after `run`, beside `-c` and the configuration. */
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Node.js's own options. */
  readonly nodeOptions?: readonly string[];
  /** Command that runs another, which is appended to it. */
  readonly wrapper?: readonly string[];
  /** Descriptor of its standard output, in place of one whose output is collected. */
  readonly stdout?: number;
  /** Command line to start; this program's when absent. */
  readonly cli?: string;
  /** Folder for the configuration and path.data; a temporary one when absent. */
  readonly folder?: string;
}

/** A gateway process. `path.data` is set for it; entries should bind port 0. */
export class TestGateway {
  readonly process: ChildProcess;
  readonly folder: string;
  readonly file: string;
  output = '';
  #orphans: number[] = [];
  #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  constructor(folder: string, configuration: string, options: GatewayOptions) {
    this.folder = folder;
    this.file = join(folder, 'evergate.yml');
    this.write(configuration);
    const [command, ...rest] = [...(options.wrapper ?? []), process.execPath];
    this.process = spawn(
      command,
      [
        ...rest,
        ...(options.nodeOptions ?? []),
        options.cli ?? cli,
        'run',
        '-c',
        this.file,
        ...(options.args ?? ['--workers', '2']),
      ],
      {
        env: { ...process.env, ...options.env },
        stdio: ['ignore', options.stdout ?? 'pipe', 'pipe'],
      },
    );
    const collect = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    this.process.stdout?.on('data', collect);
    this.process.stderr?.on('data', collect);
    this.#exit = once(this.process, 'exit').then(([code, signal]) => {
      this.#readOrphans();
      return { code, signal };
    });
  }

  get pid(): number {
    return this.process.pid ?? assert.fail('the gateway did not start');
  }

  /** Saves the configuration, with this gateway's own data folder. */
  write(configuration: string): void {
    writeFileSync(this.file, `path.data: ${join(this.folder, 'data')}\n${configuration}`);
  }

  get socket(): string {
    return join(this.folder, 'data', 'evergate.sock');
  }

  async status(): Promise<GatewayStatus> {
    const { status, body } = await requestControl(this.socket, 'GET', '/status');
    assert.equal(status, 200);
    return body as GatewayStatus;
  }

  /** Asks for a reload and waits for its outcome. */
  reload(): Promise<{ status: number; body: unknown }> {
    return requestControl(this.socket, 'POST', '/reload');
  }

  /** Waits until every worker of the first generation serves. */
  async ready(): Promise<this> {
    await eventually('the gateway to serve', async () => {
      assert.equal(this.process.exitCode, null, `the gateway ended:\n${this.output}`);
      const status = await this.status().catch(() => null);
      return status?.pid === this.pid;
    });
    return this;
  }

  /** Origin of an entry, at the port it really got. */
  async origin(entry: string, scheme = 'http'): Promise<string> {
    const { entries } = await this.status();
    const found = entries.find(({ name }) => name === entry);
    const address = found?.addresses[0] ?? assert.fail(`no entry ${entry}`);
    return `${scheme}://${address.replace('0.0.0.0', '127.0.0.1').replace('[::]', '[::1]')}`;
  }

  async port(entry: string): Promise<number> {
    return Number(new URL(await this.origin(entry)).port);
  }

  /** Waits for the process to end. */
  ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return this.#exit;
  }

  /** Ends the process if it still runs: TERM, and KILL when it takes too long. */
  async stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGTERM');
      const timer = setTimeout(() => this.process.kill('SIGKILL'), patienceMs);
      await this.#exit;
      clearTimeout(timer);
    }
    this.#killOrphans();
    return this.#exit;
  }

  /** Workers serve on when their primary was killed. */
  #readOrphans(): void {
    if (this.process.signalCode !== 'SIGKILL') return;
    try {
      const record = readFileSync(join(this.folder, 'data', 'workers.json'), 'utf8');
      this.#orphans = (JSON.parse(record) as { pid: number }[]).map(({ pid }) => pid);
    } catch {
      // There is no record.
    }
  }

  #killOrphans(): void {
    for (const pid of this.#orphans) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
  }
}

/** Starts a gateway without waiting for it. */
export function launchGateway(
  t: TestContext,
  configuration: string,
  options: GatewayOptions = {},
): TestGateway {
  const gateway = new TestGateway(options.folder ?? temporaryFolder(t), configuration, options);
  t.after(async () => {
    // A second signal stops at once: nothing is waited for that a test left open.
    gateway.process.kill('SIGTERM');
    gateway.process.kill('SIGTERM');
    await gateway.stop();
    // Whatever a test is about: nothing that a client or a node does ends a worker.
    assert.doesNotMatch(gateway.output, /worker crashed/);
  });
  return gateway;
}

/** Starts a gateway and waits until it serves. */
export function startGateway(
  t: TestContext,
  configuration: string,
  options: GatewayOptions = {},
): Promise<TestGateway> {
  return launchGateway(t, configuration, options).ready();
}

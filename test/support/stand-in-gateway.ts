/**
 * A gateway whose workers serve a stand-in, so that what the primary does is tested by itself: real
 * processes and sockets, with a configuration that is plain JSON (see gateway.ts).
 *
 * A flow's name makes workers misbehave: `refuse`, `crash`, `hang`, and `refuse-1` (worker 1 only).
 */
import cluster from 'node:cluster';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createNetServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchConfiguration } from '../../src/config/source/watcher.ts';
import type { GatewayConfig } from '../../src/config/types.ts';
import { GatewayError } from '../../src/errors.ts';
import { noRequests } from '../../src/ipc/request-statistics.ts';
import type { WorkerInspection } from '../../src/ipc/messages.ts';
import { leaseKey } from '../../src/shared-limits/lease-key.ts';
import { startPrimary } from '../../src/primary/primary.ts';
import { WorkerSpawner } from '../../src/primary/workers/spawner.ts';
import type {
  ConfigurationSource,
  ConfigurationResult,
} from '../../src/primary/configuration-source.ts';
import type { EntryDrainOptions } from '../../src/entry/connection/drain.ts';
import type { RequestServer, WorkerServices } from '../../src/worker/serving.ts';
import { runWorker } from '../../src/worker/worker.ts';

if (cluster.isWorker) {
  // As if the program had been moved away.
  if (existsSync(process.env['STAND_IN_BROKEN'] ?? '')) process.exit(1);
  runWorker(buildStandIn);
} else await main();

async function main(): Promise<void> {
  const [file = '', workers = '2', pidFile] = process.argv.slice(2);
  try {
    await startPrimary({
      source: jsonSource(file),
      workers: Number(workers) || undefined,
      pidFile,
      spawner: new WorkerSpawner(fileURLToPath(import.meta.url)),
      readyTimeoutMs: 20_000,
    });
  } catch (error) {
    console.error(error instanceof GatewayError ? `${error.code}: ${error.message}` : error);
    process.exitCode = 1;
  }
}

function jsonSource(file: string): ConfigurationSource {
  const watch = { files: [file], folders: [] };
  const load = (): ConfigurationResult => {
    try {
      const config = JSON.parse(readFileSync(file, 'utf8')) as GatewayConfig;
      return { ok: true, config, tlsFiles: new Map(), warnings: [], watch };
    } catch (error) {
      return { ok: false, problems: [`${file}: ${String(error)}`], warnings: [], watch, error };
    }
  };
  return { load: () => Promise.resolve(load()), watch: watchConfiguration };
}

/**
 * Answers with who answers: `{pid, entry, flow}`; `/slow` takes half a second, `/loop` never ends and
 * blocks the worker.
 */
function buildStandIn(config: GatewayConfig, services: WorkerServices): Promise<RequestServer> {
  const behaviour = config.flow[0]?.name ?? '';
  const slot = Number(/worker (\d+)/.exec(process.title)?.[1]);
  if (behaviour === 'crash') process.exit(7);
  if (behaviour === 'refuse') throw new Error('the stand-in refuses');
  if (behaviour === `refuse-${slot}`) throw new Error(`the stand-in refuses in slot ${slot}`);
  if (behaviour === 'hang') return new Promise(() => {});
  return Promise.resolve(new StandIn(config, services));
}

interface Waiting {
  readonly socket: Socket;
  serve(): void;
}

class StandIn implements RequestServer {
  readonly clusters = { observe: () => {}, take: () => {}, check: () => {} };
  readonly #config: GatewayConfig;
  readonly #services: WorkerServices;
  readonly #servers: Server[] = [];
  readonly #open = new Map<string, Set<Socket>>();
  /** Slots leased to this worker. */
  readonly #slots = new Map<string, number>();
  readonly #waiting = new Map<string, Waiting[]>();
  #draining = false;
  #total = 0;
  #refused = 0;

  constructor(config: GatewayConfig, services: WorkerServices) {
    this.#config = config;
    this.#services = services;
  }

  selfTest(): Promise<void> {
    return Promise.resolve();
  }

  listen(entry: string, handle: unknown): Promise<void> {
    const http = createServer((request, response) => {
      this.#total++;
      const flow = this.#config.flow[0]?.name ?? '';
      const body = JSON.stringify({ pid: process.pid, entry, flow });
      const answer = (): void => {
        if (this.#draining) response.setHeader('connection', 'close');
        response.end(body);
      };
      if (request.url === '/loop') for (;;);
      if (request.url === '/slow') setTimeout(answer, 500);
      else answer();
    });
    // Its own server for accepting: closing an HTTP server breaks quiet connections off.
    const server = createNetServer((socket) => {
      socket.on('error', () => {});
      this.#waitingOf(entry).push({ socket, serve: () => http.emit('connection', socket) });
      this.#seat(entry);
      if (this.#waitingOf(entry).length > 0) this.#ask(entry);
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(handle, () => resolve());
    });
  }

  #waitingOf(entry: string): Waiting[] {
    const waiting = this.#waiting.get(entry) ?? [];
    this.#waiting.set(entry, waiting);
    return waiting;
  }

  #openOf(entry: string): Set<Socket> {
    const open = this.#open.get(entry) ?? new Set();
    this.#open.set(entry, open);
    return open;
  }

  #seat(entry: string): void {
    const open = this.#openOf(entry);
    const waiting = this.#waitingOf(entry);
    while (waiting.length > 0 && open.size < (this.#slots.get(entry) ?? 0)) {
      const next = waiting.shift() as Waiting;
      const { socket } = next;
      open.add(socket);
      socket.once('close', () => {
        open.delete(socket);
        this.#seat(entry);
      });
      next.serve();
    }
  }

  #ask(entry: string): void {
    const request = {
      type: 'lease-request',
      kind: 'slots',
      key: leaseKey('entry', entry),
    } as const;
    this.#services.leases.request(
      { ...request, amount: 8 },
      {
        granted: ({ amount }) => this.#granted(entry, amount),
        recalled: () => this.#recalled(entry),
      },
    );
  }

  #granted(entry: string, count: number): void {
    this.#slots.set(entry, (this.#slots.get(entry) ?? 0) + count);
    this.#seat(entry);
    if (count > 0) {
      if (this.#waitingOf(entry).length > 0) this.#ask(entry);
      return;
    }
    for (const { socket } of this.#waitingOf(entry).splice(0)) {
      this.#refused++;
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
    }
  }

  #recalled(entry: string): void {
    const held = this.#slots.get(entry) ?? 0;
    const used = Math.min(held, this.#openOf(entry).size);
    this.#slots.set(entry, used);
    const [key, amount] = [leaseKey('entry', entry), held - used];
    this.#services.leases.return({ type: 'lease-return', kind: 'slots', key, amount });
  }

  setTicketKeys(): void {}

  inspect(): WorkerInspection {
    return {
      entries: this.#config.entry.map(({ name }) => ({
        entry: name,
        connections: this.#openOf(name).size,
        requests: 0,
        total: this.#total,
        refused: this.#refused,
        tally: noRequests,
      })),
      clusters: [],
      memory: process.memoryUsage.rss(),
      lostLines: {},
      holders: [],
    };
  }

  stopDraining(): void {}

  endStreams(): void {}

  async drain({
    closedToNew,
  }: EntryDrainOptions): Promise<{ answered: number; quiet: number; forced: number }> {
    this.#draining = true;
    // One turn of the event loop accepts what is queued.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    for (const server of this.#servers) server.close();
    closedToNew?.();
    const idle = Math.max(...this.#config.entry.map(({ drain }) => drain.idle));
    const deadline = Date.now() + idle;
    const busy = (): boolean =>
      [...this.#open.values()].some(({ size }) => size > 0) ||
      [...this.#waiting.values()].some(({ length }) => length > 0);
    while (busy() && Date.now() < deadline) {
      await sleep(20);
    }
    const quiet = [...this.#open.values()].reduce((sum, { size }) => sum + size, 0);
    return { answered: 0, quiet, forced: 0 };
  }

  close(): void {
    for (const open of this.#open.values()) for (const socket of open) socket.destroy();
  }
}

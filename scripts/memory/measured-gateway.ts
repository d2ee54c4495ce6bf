import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requestControl } from '../../src/primary/control/client.ts';
import type { GatewayStatus } from '../../src/primary/status/types.ts';
import { memory } from '../proc.ts';

/** What `npm run build` made: running from source takes more memory, for the types are stripped. */
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
/** A pause after each so many bytes makes a reader slow. */
const slowEvery = 4 << 20;
const block = Buffer.alloc(1 << 20, 'x');

/** A gateway in front of a backend that takes and gives large bodies. */
export interface MeasuredGateway {
  readonly port: number;
  /** Resident memory of each worker now, MB. */
  resident(): number[];
  /** Begins to look; what it gives tells the most that a worker had meanwhile, MB. */
  watch(): () => number;
  stop(): Promise<void>;
}

export async function startMeasured(workers: number): Promise<MeasuredGateway> {
  if (!existsSync(cli)) throw new Error('there is no dist/; run npm run build first');
  const folder = mkdtempSync(join(tmpdir(), 'evergate-memory-'));
  const backend = createServer((request, response) => void serve(request, response));
  backend.listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const origin = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
  const file = join(folder, 'evergate.yml');
  writeFileSync(
    file,
    `
path.data: ${join(folder, 'data')}
entry:
  - name: main
    router: main
    max_concurrency: 100000
    idle_timeout: 1h
    network: { binding: "127.0.0.1:0" }
router: [{ name: main, default_flow: main }]
flow: [{ name: main, filter: [{ elasticsearch: { elasticsearch: backend } }] }]
elasticsearch: [{ name: backend, endpoint: "${origin}" }]
`,
  );
  const args = [cli, 'run', '-c', file, '--workers', `${workers}`];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const status = await firstStatus(join(folder, 'data', 'evergate.sock'), child);
  const pids = status.workers.map(({ pid }) => pid);
  const resident = (): number[] => pids.map((pid) => memory(pid).resident);
  return {
    port: Number(/:(\d+)$/.exec(status.entries[0]?.addresses[0] ?? '')?.[1]),
    resident,
    watch() {
      let most = 0;
      const timer = setInterval(() => (most = Math.max(most, ...resident())), 100);
      return () => {
        clearInterval(timer);
        return Math.max(most, ...resident());
      };
    },
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGTERM'), 2000);
      if (child.exitCode === null) await once(child, 'exit');
      clearTimeout(timer);
      backend.close();
      backend.closeAllConnections();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function firstStatus(socket: string, child: ChildProcess): Promise<GatewayStatus> {
  for (;;) {
    if (child.exitCode !== null) throw new Error('the gateway ended');
    try {
      const { status, body } = await requestControl(socket, 'GET', '/status');
      if (status === 200) return body as GatewayStatus;
    } catch {
      // It is not there yet.
    }
    await sleep(50);
  }
}

/** `PUT` takes a body, `GET /<megabytes>` gives one; slowly when the path begins with `/slow`. */
async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, slow, size = '0'] = /^\/(slow)?(\d*)/.exec(request.url ?? '') ?? [];
  response.on('error', () => {});
  let received = 0;
  let since = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      received += chunk.length;
      since += chunk.length;
      if (!slow || since < slowEvery) continue;
      since = 0;
      await sleep(10);
    }
    for (let i = 0; i < Number(size); i++) {
      if (!response.write(block)) await once(response, 'drain');
    }
    response.end(size === '' ? `${received}` : undefined);
  } catch {
    response.destroy();
  }
}

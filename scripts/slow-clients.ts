/**
 * Attacks a gateway of its own with slowhttptest in its four modes, 1,000 connections each, and shows
 * what that does to the latency of good clients: `node scripts/slow-clients.ts [seconds per mode]`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requestControl } from '../src/primary/control-client.ts';
import type { GatewayStatus } from '../src/primary/status.ts';

const seconds = Number(process.argv[2] ?? 10);
const modes: Readonly<Record<string, readonly string[]>> = {
  'slow headers': ['-H', '-i', '2'],
  'slow body': ['-B', '-i', '2', '-s', '8192'],
  'slow read': ['-X', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '3'],
  range: ['-R', '-a', '10', '-b', '3000'],
};
/** Of the good clients, each on a connection of its own; ms between the requests of one. */
const goodClients = 8;
const pause = 20;

if (spawnSync('slowhttptest', ['-h']).error) {
  console.log('slowhttptest is not installed; skipped');
} else await attack();

async function attack(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'evergate-slow-'));
  const backend = createServer((request, response) => {
    request
      .resume()
      .on('end', () => response.end(Buffer.alloc(request.url === '/' ? 64 : 64 << 10)));
  }).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const { port: backendPort } = backend.address() as AddressInfo;
  const file = join(folder, 'evergate.yml');
  writeFileSync(
    file,
    `path.data: ${folder}
entry: [{ name: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ http: { host: "127.0.0.1:${backendPort}" } }] }]
`,
  );
  const cli = fileURLToPath(new URL('../src/cli.ts', import.meta.url));
  const gateway = spawn(process.execPath, [cli, 'run', '-c', file, '--workers', '2'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    const port = await portOf(join(folder, 'evergate.sock'));
    await measure(port, 2);
    report('without', await measure(port, seconds));
    for (const [name, options] of Object.entries(modes)) {
      const attacker = spawn(
        'slowhttptest',
        [
          ...options,
          '-c',
          '1000',
          '-r',
          '500',
          '-l',
          `${seconds + 3}`,
          '-u',
          `http://127.0.0.1:${port}/large`,
        ],
        { cwd: folder, stdio: 'ignore' },
      );
      await sleep(3_000);
      const latencies = await measure(port, seconds);
      await end(attacker);
      report(name, latencies);
    }
  } finally {
    await end(gateway);
    backend.close();
    backend.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function portOf(socket: string): Promise<number> {
  for (let tries = 0; tries < 300; tries++) {
    const answer = await requestControl(socket, 'GET', '/status').catch(() => null);
    const [address] = (answer?.body as GatewayStatus | undefined)?.entries?.[0]?.addresses ?? [];
    if (address !== undefined) return Number(address.slice(address.lastIndexOf(':') + 1));
    await sleep(100);
  }
  throw new Error('the gateway did not start');
}

/** Latencies of good clients, ms, in order; failed requests count as Infinity. */
async function measure(port: number, duration: number): Promise<number[]> {
  const latencies: number[] = [];
  const until = performance.now() + duration * 1000;
  const agent = new Agent({ keepAlive: true, maxSockets: goodClients });
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      const began = performance.now();
      const answered = await ask(port, agent);
      latencies.push(answered ? performance.now() - began : Infinity);
      await sleep(pause);
    }
  };
  await Promise.all(Array.from({ length: goodClients }, client));
  agent.destroy();
  return latencies.sort((a, b) => a - b);
}

function ask(port: number, agent: Agent): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const request = get(
    { host: '127.0.0.1', port, path: '/', agent, timeout: 10_000 },
    (response) => {
      response.resume().on('end', () => resolve(response.statusCode === 200));
      response.on('error', () => resolve(false));
    },
  );
  request.on('timeout', () => request.destroy());
  request.on('error', () => resolve(false));
  return promise;
}

function report(name: string, latencies: readonly number[]): void {
  const at = (share: number): string => {
    return (
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
    ).toFixed(1);
  };
  const failed = latencies.filter((latency) => latency === Infinity).length;
  console.log(
    `${name.padEnd(14)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${latencies.length} requests, ${failed} failed`,
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}

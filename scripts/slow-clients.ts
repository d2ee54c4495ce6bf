/**
 * Attacks a gateway of its own with slowhttptest in its four modes, 1,000 connections each, and shows
 * what that does to the latency of good clients, beside nginx where that is installed: each attack
 * goes to one and then to the other. `npm run slow-clients -- [seconds per mode] [mode]`.
 *
 * Both have one worker, on the first processor; attacker, good clients and backend share the others.
 * How much of that processor they used tells on a busy machine, too, where latencies do not.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requestControl } from '../src/primary/control/client.ts';
import type { GatewayStatus } from '../src/primary/status/types.ts';

const seconds = Number(process.argv[2] ?? 10);
const only = process.argv[3];
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
} else await attackAll();

/** What is attacked. */
interface Target {
  readonly name: string;
  readonly port: number;
  readonly process: ChildProcess;
}

async function attackAll(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'evergate-slow-'));
  const backend = createServer((request, response) => {
    request
      .resume()
      .on('end', () => response.end(Buffer.alloc(request.url === '/' ? 64 : 64 << 10)));
  }).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  const { port: backendPort } = backend.address() as AddressInfo;
  const targets: Target[] = [];
  try {
    targets.push(await startGateway(folder, backendPort));
    if (!spawnSync('nginx', ['-v']).error) targets.push(await startNginx(folder, backendPort));
    const processors = availableParallelism();
    if (processors > 1) {
      spawnSync('taskset', ['-cp', `1-${processors - 1}`, `${process.pid}`]);
    }
    for (const target of targets) await measure(target, 2);
    for (const target of targets)
      report(`${target.name}, no attack`, await measure(target, seconds));
    for (const [mode, options] of Object.entries(modes)) {
      if (only !== undefined && mode !== only) continue;
      for (const target of targets) {
        report(`${target.name}, ${mode}`, await attack(target, options, folder));
      }
    }
  } finally {
    for (const target of targets) await end(target.process);
    backend.close();
    backend.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Measured {
  /** Of good clients, ms, in order; failed requests count as Infinity. */
  readonly latencies: readonly number[];
  /** Part of a processor that the target used. */
  readonly busy: number;
}

async function attack(
  target: Target,
  options: readonly string[],
  folder: string,
): Promise<Measured> {
  const url = `http://127.0.0.1:${target.port}/large`;
  const size = ['-c', '1000', '-r', '500', '-l', `${seconds + 3}`];
  const attacker = spawn('slowhttptest', [...options, ...size, '-u', url], {
    cwd: folder,
    stdio: 'ignore',
  });
  await sleep(3_000);
  const measured = await measure(target, seconds);
  await end(attacker);
  return measured;
}

/** Starts a program on the first processor. */
function onFirst(command: string, args: readonly string[]): ChildProcess {
  return spawn('taskset', ['-c', '0', command, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function startGateway(folder: string, backendPort: number): Promise<Target> {
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
  const gateway = onFirst(process.execPath, [cli, 'run', '-c', file, '--workers', '1']);
  return { name: 'evergate', port: await portOf(join(folder, 'evergate.sock')), process: gateway };
}

async function startNginx(folder: string, backendPort: number): Promise<Target> {
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log /dev/null;
events { worker_connections 10000; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ')}
  upstream backend { server 127.0.0.1:${backendPort}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_request_buffering off; client_max_body_size 0;
    }
  }
}
`,
  );
  const nginx = onFirst('nginx', ['-p', folder, '-e', 'stderr', '-c', file]);
  const agent = new Agent();
  for (let tries = 0; tries < 100 && !(await ask(port, agent)); tries++) await sleep(100);
  return { name: 'nginx', port, process: nginx };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
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

async function measure(target: Target, duration: number): Promise<Measured> {
  const { port } = target;
  const latencies: number[] = [];
  const began = performance.now();
  const usedBefore = processorTime(target.process.pid ?? 0);
  const agent = new Agent({ keepAlive: true, maxSockets: goodClients });
  const client = async (): Promise<void> => {
    while (performance.now() < began + duration * 1000) {
      const asked = performance.now();
      const answered = await ask(port, agent);
      latencies.push(answered ? performance.now() - asked : Infinity);
      await sleep(pause);
    }
  };
  await Promise.all(Array.from({ length: goodClients }, client));
  agent.destroy();
  const used = processorTime(target.process.pid ?? 0) - usedBefore;
  return {
    latencies: latencies.sort((a, b) => a - b),
    busy: used / (performance.now() - began),
  };
}

/** What a process and its children have used so far, ms. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  const ofChildren = children === '' ? [] : children.split(' ').map(Number);
  // In hundredths of a second.
  const own = 10 * (Number(stat[11]) + Number(stat[12]));
  return ofChildren.reduce((sum, child) => sum + processorTime(child), own);
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

function report(name: string, { latencies, busy }: Measured): void {
  const at = (share: number): string => {
    return (
      latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
    ).toFixed(1);
  };
  const failed = latencies.filter((latency) => latency === Infinity).length;
  console.log(
    `${name.padEnd(23)} p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${latencies.length} requests, ${failed} failed, ${(busy * 100).toFixed(0)} % of a processor`,
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

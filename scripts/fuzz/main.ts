/**
 * Sends mutated requests to a gateway of its own in front of a backend that records them:
 * `npm run fuzz -- [seconds, default 10] [seed]`. Ends with 1 when something ambiguous was
 * passed on or anything changed, or when the gateway crashed, hung, or logged an error.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requestControl } from '../../src/primary/control/client.ts';
import type { GatewayStatus } from '../../src/primary/status/types.ts';
import { RecordingBackend } from './backend.ts';
import { Dice, mutatedRequests } from './mutations.ts';
import { faultOf } from './verdict.ts';

const seconds = Number(process.argv[2] ?? 10);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
const side = 24;
/** A connection that is neither answered nor ended for so long hangs; above the gateway's limits, ms. */
const patience = 30_000;
/** How long after its client a request may reach the backend, ms. */
const settling = 500;

const folder = mkdtempSync(join(tmpdir(), 'evergate-fuzz-'));
const backend = new RecordingBackend();
const faults: string[] = [];
const file = join(folder, 'evergate.yml');
writeFileSync(
  file,
  `path.data: ${folder}
entry:
  - { name: main, network: { binding: "127.0.0.1:0" }, head_timeout: 300ms, read_timeout: 300ms, request_timeout: 1s, idle_timeout: 300ms }
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ http: { host: "127.0.0.1:${await backend.listen()}" } }] }]
`,
);
const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
const gateway = spawn(process.execPath, [cli, 'run', '-c', file, '--workers', '2']);
let log = '';
for (const stream of [gateway.stdout, gateway.stderr]) {
  stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
}

try {
  const before = await status();
  const [address = ''] = before.entries[0]?.addresses ?? [];
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  const dice = new Dice(seed);
  const until = performance.now() + seconds * 1000;
  let count = 0;
  await Promise.all(
    Array.from({ length: side }, async () => {
      while (performance.now() < until) {
        const id = `fuzz-${count++}-`;
        await send(port, count, mutatedRequests(dice, id));
      }
    }),
  );
  await sleep(2 * settling);
  const after = await status();
  const pids = (of: GatewayStatus): string => of.workers.map(({ pid }) => pid).join();
  if (pids(before) !== pids(after)) faults.push('a worker has crashed');
  for (const line of log.split('\n')) {
    if (/\b(ERROR|FATAL|crashed|unhandled)\b|"level":(50|60)/i.test(line))
      faults.push(`log: ${line}`);
  }
  faults.push(...backend.faults.map((fault) => `backend: ${fault}`));
  console.log(`seed ${seed}: ${count} connections, ${faults.length} faults`);
} finally {
  gateway.kill('SIGTERM');
  gateway.kill('SIGTERM');
  if (gateway.exitCode === null) await once(gateway, 'exit');
  backend.close();
  rmSync(folder, { recursive: true, force: true });
}
for (const fault of faults.slice(0, 20)) console.log(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

async function status(): Promise<GatewayStatus> {
  for (let tries = 0; tries < 1200; tries++) {
    const answer = await requestControl(join(folder, 'evergate.sock'), 'GET', '/status').catch(
      () => null,
    );
    const body = answer?.body as GatewayStatus | undefined;
    if (body?.entries?.length) return body;
    await sleep(100);
  }
  throw new Error(`the gateway does not answer:\n${log}`);
}

/** Sends the bytes from an address of their own, and has what became of them judged a little later. */
async function send(port: number, number: number, text: string): Promise<void> {
  const client = `127.${1 + (number >> 16)}.${(number >> 8) % 256}.${number % 256}`;
  const socket = connect({ port, host: '127.0.0.1', localAddress: client });
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    faults.push(`hung: ${JSON.stringify(text)}`);
    socket.destroy();
  }, patience);
  socket.on('close', () => {
    clearTimeout(timer);
    resolve();
  });
  socket.write(text, 'latin1');
  await promise;
  if (!/^(?:HTTP\/1\.1 \d\d\d |$)/.test(answer)) {
    faults.push(`answer ${JSON.stringify(answer.slice(0, 80))}`);
  }
  setTimeout(() => {
    const fault = faultOf(text, answer, backend.take(client));
    if (fault !== null) faults.push(`${fault}: ${JSON.stringify(text)}`);
  }, settling);
}

/**
 * `npm run websockets`: how many open WebSockets live through reloads, ours beside the peers'. Each
 * target proxies the same clients to the same node and is reloaded again and again, with a new
 * configuration each time; every WebSocket that is still open at the end has to answer a message.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createHash } from 'node:crypto';
import { freePort } from './free-port.ts';
import { killAllIn } from './reload-storm/processes.ts';
import { createTarget, type TargetName, targetNames } from './reload-storm/targets/index.ts';

const { values } = parseArgs({
  options: {
    targets: { type: 'string', default: 'evergate,nginx,haproxy,caddy' },
    sockets: { type: 'string', default: '100' },
    reloads: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '2' },
    program: { type: 'string', default: 'dist/cli.js' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`npm run websockets -- [options]
  --targets NAMES  of ${targetNames.join(', ')} (evergate,nginx,haproxy,caddy)
  --sockets N      WebSockets that are open (100)
  --reloads N      reloads (20)
  --seconds N      between two of them (2)
  --program FILE   evergate's command line (dist/cli.js)`);
  process.exit(0);
}

/** A text frame of a server. */
const answer = Buffer.from('\x81\x02ok', 'latin1');

/** A node that answers whatever a WebSocket sends. */
async function startNode(): Promise<number> {
  const server = createServer((_request, response) => response.end('ok'));
  server.on('upgrade', ({ headers }, socket: Duplex) => {
    const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      if (((bytes[0] as number) & 0x0f) === 8) socket.end();
      else socket.write(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Settles with whether the WebSocket opens, or answers, within five seconds. */
function within(socket: WebSocket, event: 'open' | 'message'): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), 5000);
    const settle = (held: boolean): void => {
      clearTimeout(timer);
      resolve(held);
    };
    socket.addEventListener(event, () => settle(true), { once: true });
    socket.addEventListener('close', () => settle(false), { once: true });
  });
}

async function measure(name: TargetName, backendPort: number): Promise<string> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), '.websockets-')));
  const port = await freePort();
  const program = join(fileURLToPath(new URL('..', import.meta.url)), values.program);
  const target = createTarget(name, {
    folder,
    backendPort,
    port,
    workers: 2,
    reusePort: true,
    program,
  });
  try {
    target.save({ version: 1, workers: 2 }, false);
    await target.start();
    while (!(await fetch(`http://127.0.0.1:${port}/version`).catch(() => null))) await sleep(50);
    const sockets = Array.from(
      { length: Number(values.sockets) },
      () => new WebSocket(`ws://127.0.0.1:${port}/ws`),
    );
    const opened = await Promise.all(sockets.map((socket) => within(socket, 'open')));
    for (let version = 2; version < Number(values.reloads) + 2; version++) {
      target.save({ version, workers: 2 }, true);
      // oxlint-disable-next-line no-await-in-loop -- one reload after the other
      await target.reload();
      // oxlint-disable-next-line no-await-in-loop
      await sleep(1000 * Number(values.seconds));
    }
    const alive = await Promise.all(
      sockets.map((socket) => {
        if (socket.readyState !== WebSocket.OPEN) return Promise.resolve(false);
        socket.send('still there?');
        return within(socket, 'message');
      }),
    );
    const count = (all: readonly boolean[]): number => all.filter(Boolean).length;
    for (const socket of sockets) socket.close();
    return `| ${target.title} | ${count(opened)} | ${count(alive)} |`;
  } finally {
    await target.stop().catch(() => {});
    await killAllIn(folder);
    rmSync(folder, { recursive: true, force: true });
  }
}

const node = await startNode();
console.log(`| | opened | alive after ${values.reloads} reloads |\n| --- | ---: | ---: |`);
for (const name of values.targets.split(',')) {
  // oxlint-disable-next-line no-await-in-loop -- one target at a time
  console.log(await measure(name as TargetName, node));
}
process.exit(0);

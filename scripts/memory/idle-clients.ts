import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MeasuredGateway } from './measured-gateway.ts';

/** Clients that connect at one time. */
const together = 100;

/** Memory that each of `count` kept-alive clients costs which have asked once, kB over all workers. */
export async function idleClients(gateway: MeasuredGateway, count: number): Promise<number> {
  const sockets: Socket[] = [];
  // What was allocated for the first ones is there for all others.
  sockets.push(...(await open(gateway.port, together)));
  await sleep(2000);
  const before = sum(gateway.resident());
  while (sockets.length < count + together) sockets.push(...(await open(gateway.port, together)));
  await sleep(2000);
  const after = sum(gateway.resident());
  for (const socket of sockets) socket.destroy();
  return ((after - before) * 1024) / count;
}

function open(port: number, count: number): Promise<Socket[]> {
  return Promise.all(Array.from({ length: count }, () => idleClient(port)));
}

async function idleClient(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('GET /0 HTTP/1.1\r\nHost: gateway\r\n\r\n');
  await once(socket, 'data');
  return socket;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MeasuredGateway } from './measured-gateway.ts';

const block = Buffer.alloc(1 << 20, 'x');
/** A pause after each so many bytes makes a reader slow. */
const slowEvery = 4 << 20;

/** Sends and fetches that much at once, half of each with a slow reader; answers the seconds. */
export async function largeBodies({ port }: MeasuredGateway, megabytes: number): Promise<number> {
  const began = performance.now();
  const half = Math.ceil(megabytes / 2);
  await Promise.all([
    upload(port, '/', half),
    upload(port, '/slow', half),
    download(port, half, false),
    download(port, half, true),
  ]);
  return (performance.now() - began) / 1000;
}

async function upload(port: number, path: string, megabytes: number): Promise<void> {
  const outgoing = request({ port, host: '127.0.0.1', method: 'PUT', path, agent: false });
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  for (let i = 0; i < megabytes; i++) {
    if (!outgoing.write(block)) await once(outgoing, 'drain');
  }
  outgoing.end();
  const [response] = await answered;
  let text = '';
  for await (const chunk of response) text += String(chunk);
  if (Number(text) !== megabytes * block.length) throw new Error(`${text} bytes arrived`);
}

async function download(port: number, megabytes: number, slow: boolean): Promise<void> {
  const outgoing = request({ port, host: '127.0.0.1', path: `/${megabytes}`, agent: false }).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let received = 0;
  let since = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    received += chunk.length;
    since += chunk.length;
    if (!slow || since < slowEvery) continue;
    since = 0;
    await sleep(10);
  }
  if (received !== megabytes * block.length) throw new Error(`${received} bytes arrived`);
}

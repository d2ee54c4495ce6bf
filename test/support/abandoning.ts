/** Exchanges that somebody gives up: nodes that fail in every way, and clients that leave at any time. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Socket,
} from 'node:net';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import tls from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeCertificate } from './certificates.ts';
import { block, flags, frame, frameTypes, uint32 } from './raw-http2.ts';

/** What a node does with a request, by the end of its path. */
export const nodeActs = ['silent', 'half', 'large', 'whole', 'early', 'breaks', 'broken'] as const;
export type NodeAct = (typeof nodeActs)[number];

/** What of a request is sent before its client leaves. */
export const requestParts = ['GET', 'some of the body', 'chunks', 'a whole body'] as const;
export type RequestPart = (typeof requestParts)[number];

/** How a client leaves. */
export const departures = ['reset', 'end', 'cancel', 'stays'] as const;
export type Departure = (typeof departures)[number];

/** What requests and responses of node:http and node:http2 have in common. */
interface NodeRequest {
  readonly url?: string | undefined;
  readonly socket: { destroy(): unknown };
  on(event: 'end', listener: () => void): unknown;
  resume(): unknown;
}

interface NodeResponse {
  writeHead(status: number, headers?: Record<string, string>): unknown;
  write(chunk: string | Buffer): boolean;
  end(chunk?: string): unknown;
  on(event: 'drain' | 'error', listener: () => void): unknown;
  addTrailers(trailers: Record<string, string>): void;
  readonly stream?: { close(code: number): void };
}

function play(request: NodeRequest, response: NodeResponse): void {
  const act = request.url?.split('/').at(-1) as NodeAct;
  const breakOff = (): void => {
    if (response.stream) response.stream.close(2);
    else request.socket.destroy();
  };
  response.on('error', () => {});
  if (act === 'early') {
    response.writeHead(413);
    response.end('too large');
    return;
  }
  if (act === 'half' || act === 'broken') {
    response.writeHead(200);
    response.write('half');
    if (act === 'broken') setTimeout(breakOff, 20);
  }
  if (act === 'large') {
    response.writeHead(200);
    const part = Buffer.alloc(64 << 10);
    let left = 128;
    const write = (): void => {
      while (left-- > 0) if (!response.write(part)) return;
      if (left < 0) response.end();
    };
    response.on('drain', write);
    write();
  }
  request.resume();
  request.on('end', () => {
    if (act === 'breaks') breakOff();
    if (act !== 'whole') return;
    response.writeHead(200, { trailer: 'x-sum' });
    response.write('whole');
    response.addTrailers({ 'x-sum': '7' });
    response.end();
  });
}

export const nodeKinds = ['plain', 'tls', 'http2'] as const;
export type NodeKind = (typeof nodeKinds)[number];

/** Starts a node of each kind; with `delayMs`, what connects to it waits for so long. */
export async function abandonedNodes(
  t: TestContext,
  delayMs: number,
): Promise<Record<NodeKind, string>> {
  const handle = (request: unknown, response: unknown): void =>
    play(request as NodeRequest, response as NodeResponse);
  const servers = {
    plain: createServer(handle),
    tls: createHttpsServer(nodeCertificate(), handle),
    http2: createSecureServer(nodeCertificate(), handle),
  };
  const ports: Partial<Record<NodeKind, string>> = {};
  for (const [kind, server] of Object.entries(servers)) {
    server.on('sessionError', () => {});
    server.on('clientError', (_error: Error, socket: Duplex) => socket.destroy());
    server.listen(0, '127.0.0.1');
    // oxlint-disable-next-line no-await-in-loop -- three servers
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    // oxlint-disable-next-line no-await-in-loop -- three servers
    ports[kind as NodeKind] = `127.0.0.1:${delayMs > 0 ? await delayed(t, port, delayMs) : port}`;
    t.after(() => {
      if ('closeAllConnections' in server) server.closeAllConnections();
      server.close();
    });
  }
  return ports as Record<NodeKind, string>;
}

/** A port behind which connections get to `port` only after a while. */
async function delayed(t: TestContext, port: number, delayMs: number): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((client) => {
    const keep = (socket: Socket): void => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    };
    keep(client);
    setTimeout(() => {
      if (client.destroyed) return;
      const node = connectTcp(port, '127.0.0.1');
      keep(node);
      client.pipe(node).pipe(client);
      client.on('close', () => node.destroy());
      node.on('close', () => client.destroy());
    }, delayMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

export const entryKinds = ['plain', 'tls', 'http2'] as const;
export type EntryKind = (typeof entryKinds)[number];

export interface Abandoned {
  readonly entry: EntryKind;
  readonly port: number;
  readonly path: string;
  readonly part: RequestPart;
  /** When the client leaves after its request, ms. */
  readonly afterMs: number;
  readonly departure: Departure;
  /** Sent in place of the request, over HTTP/1. */
  readonly text?: string;
  /** A client that reads nothing. */
  readonly isDeaf?: boolean;
}

/** Sends a request, or a part of one, and leaves. Settles when the connection has closed. */
export async function abandon(asked: Abandoned): Promise<void> {
  const { entry, port, afterMs, departure } = asked;
  const tcp = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  tcp.on('error', () => {});
  const protocols = entry === 'http2' ? ['h2'] : ['http/1.1'];
  const socket: Duplex =
    entry === 'plain'
      ? tcp
      : tls.connect({ socket: tcp, rejectUnauthorized: false, ALPNProtocols: protocols });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => {
    tcp.on('close', resolve);
  });
  await once(socket, entry === 'plain' ? 'connect' : 'secureConnect');
  if (asked.isDeaf) tcp.pause();
  else socket.resume();
  socket.write(entry === 'http2' ? framesOf(asked) : Buffer.from(textOf(asked), 'latin1'));
  await sleep(afterMs);
  if (departure === 'reset') tcp.resetAndDestroy();
  else if (departure === 'end') socket.end();
  else if (departure === 'cancel' && entry === 'http2') {
    socket.write(frame(frameTypes.RST_STREAM, 0, 1, uint32(8)));
    setTimeout(() => socket.end(), 50);
  } else if (departure === 'cancel') socket.destroy();
  // One that stays is ended by a limit of time, or has been answered.
  const timer = setTimeout(() => tcp.destroy(), departure === 'stays' ? 1_500 : 10_000);
  await closed;
  clearTimeout(timer);
}

function textOf({ path, part, text }: Abandoned): string {
  if (text !== undefined) return text;
  const head = `${part === 'GET' ? 'GET' : 'POST'} ${path} HTTP/1.1\r\nHost: a\r\n`;
  if (part === 'GET') return `${head}\r\n`;
  if (part === 'some of the body') return `${head}Content-Length: 100\r\n\r\nsome`;
  if (part === 'chunks') return `${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`;
  return `${head}Content-Length: 5\r\n\r\nhello`;
}

function framesOf({ path, part }: Abandoned): Buffer {
  const { DATA, HEADERS, SETTINGS } = frameTypes;
  const head = block([
    [':method', part === 'GET' ? 'GET' : 'POST'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'a'],
    ...(part === 'some of the body' ? [['content-length', '100'] as const] : []),
  ]);
  const ends = part === 'GET' ? flags.endStream : 0;
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(SETTINGS, 0, 0),
    frame(HEADERS, flags.endHeaders | ends, 1, head),
    ...(part === 'GET'
      ? []
      : [frame(DATA, part === 'a whole body' ? flags.endStream : 0, 1, Buffer.from('hello'))]),
  ]);
}

/** A small server on the project's own HTTP/2 session, for tests and conformance suites. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FieldSection } from '../../src/http/http2/field-section.ts';
import type { ConnectionError, StreamError } from '../../src/http/http2/frames/protocol.ts';
import {
  type ServerLimits,
  ServerSession,
  type ServerSessionListener,
} from '../../src/http/http2/server-session.ts';
import type { Session } from '../../src/http/http2/session.ts';
import type { Stream, StreamListener } from '../../src/http/http2/stream.ts';

export const serverLimits: ServerLimits = {
  streamWindow: 256 << 10,
  connectionWindow: 1 << 20,
  maxHeaderSize: 32 << 10,
  maxHeaderFields: 200,
  settingsTimeoutMs: 10_000,
  maxStreams: 100,
  extendedConnect: true,
};

/** Has a session read from and write to a socket. */
export function bind(session: Session, socket: Duplex): void {
  socket.on('data', (chunk: Buffer) => session.receive(chunk, 0, chunk.length));
  socket.on('drain', () => session.drained());
  socket.on('end', () => session.close('the other side ended the connection'));
  socket.on('error', () => socket.destroy());
  socket.on('close', () => session.close('the connection was closed'));
}

/** A request as a handler sees it: whole. */
export interface Asked {
  readonly stream: Stream;
  readonly method: string;
  readonly path: string;
  readonly protocol: string | null;
  readonly headers: readonly string[];
  readonly body: Buffer;
  readonly trailers: readonly string[] | undefined;
}

export type Handle = (asked: Asked) => void;

/** One request, whose body is collected before it is handled. */
export class CollectedRequest implements StreamListener {
  error: StreamError | null | undefined = undefined;
  drained: (() => void) | null = null;
  readonly #stream: Stream;
  readonly #head: Omit<Asked, 'stream' | 'body' | 'trailers'>;
  readonly #handle: Handle;
  readonly #chunks: Buffer[] = [];

  constructor(stream: Stream, head: FieldSection, handle: Handle) {
    this.#stream = stream;
    const { method, path, protocol } = head;
    this.#head = { method, path, protocol, headers: head.headers.asArray() };
    this.#handle = handle;
  }

  onData(chunk: Buffer): void {
    this.#chunks.push(Buffer.from(chunk));
    this.#stream.consume(chunk.length);
  }

  onEnd(trailers: readonly string[] | undefined): void {
    const stream = this.#stream;
    this.#handle({ ...this.#head, stream, body: Buffer.concat(this.#chunks), trailers });
  }

  onWritable(): void {
    this.drained?.();
  }

  onSent(): void {}

  onClosed(error: StreamError | null): void {
    this.error = error;
  }
}

/** The sessions of one server, and what became of them. */
export class TestSession implements ServerSessionListener {
  readonly session: ServerSession;
  readonly requests: CollectedRequest[] = [];
  over: ConnectionError | null = null;
  readonly #socket: Duplex;
  readonly #handle: Handle;

  constructor(socket: Duplex, handle: Handle, limits: ServerLimits = serverLimits) {
    this.#socket = socket;
    this.#handle = handle;
    this.session = new ServerSession(socket, limits, this);
    bind(this.session, socket);
  }

  onRequest(stream: Stream, head: FieldSection, isLast: boolean): void {
    const request = new CollectedRequest(stream, head, this.#handle);
    this.requests.push(request);
    stream.listener = request;
    if (isLast) request.onEnd(undefined);
  }

  onMalformed(): void {}

  onIdle(): void {}

  onClientLeaves(): void {}

  onOver(error: ConnectionError): void {
    this.over = error;
    this.#socket.end();
  }
}

/** Serves on a port of its own. */
export async function serveHttp2(handle: Handle, limits: ServerLimits = serverLimits) {
  const sessions: TestSession[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    sessions.push(new TestSession(socket, handle, limits));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, sessions, close };
}

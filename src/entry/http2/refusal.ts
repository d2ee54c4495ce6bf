import type { Duplex } from 'node:stream';
import { type ErrorCode, GatewayError } from '../../errors.ts';
import { errorBody } from '../../http/error-body.ts';
import { ServerSession, type ServerSessionListener } from '../../http/http2/server-session.ts';
import type { Stream, StreamListener } from '../../http/http2/stream.ts';
import { closeLingering } from '../connection/lingering-close.ts';

/** How long a client that is refused may take to ask and to read the answer, ms. */
const refusalTime = 2_000;
const limits = {
  maxStreams: 1,
  streamWindow: 65_535,
  connectionWindow: 65_535,
  maxHeaderSize: 16 << 10,
  maxHeaderFields: Infinity,
  settingsTimeoutMs: refusalTime,
  extendedConnect: false,
};

/** Answers the first request with an error, and ends the connection. */
export function refuseHttp2(socket: Duplex, code: ErrorCode): void {
  const refusal = new Refusal(socket, new GatewayError(code));
  const timer = setTimeout(() => socket.destroy(), refusalTime);
  socket.once('close', () => clearTimeout(timer));
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => refusal.session.receive(chunk, 0, chunk.length));
}

class Refusal implements ServerSessionListener {
  readonly session: ServerSession;
  readonly #socket: Duplex;
  readonly #error: GatewayError;

  constructor(socket: Duplex, error: GatewayError) {
    this.#socket = socket;
    this.#error = error;
    this.session = new ServerSession(socket, limits, this);
  }

  onRequest(stream: Stream): void {
    const { contentType, body } = errorBody(this.#error);
    const fields = ['retry-after', '1', 'content-type', contentType];
    stream.listener = deaf;
    stream.respond(this.#error.status, fields, false);
    stream.write(body);
    stream.end();
    this.session.finish();
    this.session.leave();
  }

  onMalformed(): void {}

  onIdle(): void {}

  onClientLeaves(): void {}

  onOver(): void {
    closeLingering(this.#socket);
  }
}

/** Nothing that happens on the stream matters. */
const deaf: StreamListener = {
  onData() {},
  onEnd() {},
  onWritable() {},
  onSent() {},
  onClosed() {},
};

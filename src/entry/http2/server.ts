import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { clock } from '../../runtime/deadline-timers.ts';
import type { EntryLimits } from '../../config/types.ts';
import { type ErrorCode, GatewayError } from '../../errors.ts';
import { http2 } from '../../runtime/builtins.ts';
import type { Connection, Multiplex } from '../connection/connection.ts';
import { errorBody } from '../../http/error-body.ts';
import { Http2Exchange } from './exchange.ts';
import { requestHead } from './headers.ts';
import type { ExchangeOwner } from '../exchange/exchange.ts';

/** Requests of one connection at one time. */
const maxConcurrentStreams = 128;
/** Bytes of one request's body, and of all of a connection, that are taken ahead of being read. */
const streamWindow = 256 << 10;
const connectionWindow = 1 << 20;
/**
 * How long a client that has its last response may take to end the connection, before and after we do,
 * ms. Some lose what they have not read yet when the other side is the first to end it.
 */
const lingerTime = 1_000;

/** How long a client that is refused may take to ask and to read the answer, ms. */
const refusalTime = 2_000;

/** Speaks HTTP/2 on a connection whose client has chosen it. */
export function serveHttp2(
  owner: ExchangeOwner,
  connection: Connection,
  limits: EntryLimits,
): void {
  const session = http2().performServerHandshake(connection.socket, {
    settings: {
      maxConcurrentStreams,
      initialWindowSize: streamWindow,
      maxHeaderListSize: limits.max_header_size,
      enablePush: false,
    },
    // Pseudo-header fields count, too; more are a broken connection.
    maxHeaderListPairs: (limits.max_header_count || 10_000) + 4,
    maxSendHeaderBlockLength: 256 << 10,
    maxSessionMemory: 16,
    // As over HTTP/1.1: what a node repeats is passed on as it came.
    strictSingleValueFields: false,
    // A client that opens requests only to cancel them (CVE-2023-44487) is cut off.
    streamResetBurst: 200,
    streamResetRate: 20,
  });
  session.setLocalWindowSize(connectionWindow);
  const streams = new Http2Connection(owner, connection, session, limits);
  connection.multiplex = streams;
  if (owner.draining) streams.announceEnd();
}

/** Answers the first request with an error, and ends the connection. */
export function refuseHttp2(socket: Duplex, code: ErrorCode = 'TOO_MANY_CONNECTIONS'): void {
  const error = new GatewayError(code);
  const { contentType, body } = errorBody(error);
  const session = http2().performServerHandshake(socket, { settings: { maxConcurrentStreams: 1 } });
  const timer = setTimeout(() => socket.destroy(), refusalTime);
  session.on('error', () => socket.destroy());
  socket.once('close', () => clearTimeout(timer));
  session.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': error.status, 'retry-after': '1', 'content-type': contentType });
    stream.end(body);
    session.close();
  });
}

class Http2Connection implements Multiplex {
  readonly #owner: ExchangeOwner;
  readonly #connection: Connection;
  readonly #session: ServerHttp2Session;
  readonly #limits: EntryLimits;
  readonly #exchanges = new Set<Http2Exchange>();
  readonly #endSession: () => void;
  /** Whether the client knows which of its requests is the last one. */
  #closing = false;
  /** Since when there has been no request, in the clock's time. */
  #idleSince = clock.now;

  constructor(
    owner: ExchangeOwner,
    connection: Connection,
    session: ServerHttp2Session,
    limits: EntryLimits,
  ) {
    this.#limits = limits;
    this.#owner = owner;
    this.#connection = connection;
    this.#session = session;
    this.#endSession = session.close.bind(session);
    // node:http2 calls it when the client says that it will ask no more.
    session.close = () => this.announceEnd();
    session.on('stream', (stream, _headers, _flags, raw) => this.#begin(stream, raw));
    // What breaks a session closes its socket, which tells everybody.
    session.on('error', () => {
      owner.rejections.add('malformed');
      connection.destroy();
    });
    session.on('frameError', () => {});
    // HTTP/2 knows no client that only listens: whoever ends the connection is gone.
    connection.socket.once('end', () => session.destroy());
  }

  get open(): number {
    return this.#exchanges.size;
  }

  get owing(): boolean {
    for (const exchange of this.#exchanges) if (exchange.owing) return true;
    return false;
  }

  get progress(): number {
    return this.#session.destroyed ? 0 : (this.#session.state.remoteWindowSize ?? 0);
  }

  isLate(now: number): boolean {
    for (const exchange of this.#exchanges) {
      exchange.resetIfDue(now);
      if (exchange.isLate(now, this.#limits) || this.#isStuck(exchange, now)) return true;
    }
    return this.#isIdleTooLong(now) || this.#lingersTooLong(now);
  }

  endLate(now: number): void {
    for (const exchange of this.#exchanges) {
      if (exchange.isLate(now, this.#limits)) {
        exchange.malformed(new GatewayError('REQUEST_TIMEOUT'));
      } else if (this.#isStuck(exchange, now)) exchange.breakOff();
    }
    if (this.#isIdleTooLong(now)) this.announceEnd();
    if (!this.#lingersTooLong(now)) return;
    if (this.#session.closed || this.#session.destroyed) this.#connection.destroy();
    else {
      this.#endSession();
      this.#idleSince = now;
    }
  }

  get receiving(): boolean {
    for (const exchange of this.#exchanges) if (exchange.receiving) return true;
    return false;
  }

  /**
   * GOAWAY with the last request that is served: the client repeats what crossed it on a new connection
   * (RFC 9113, 6.8). A notice before it, after which requests on their way are still served, cannot be
   * given: node:http2 takes no request once it has sent any GOAWAY. The client ends the connection when
   * it has read the last response; else we do, after a while.
   */
  announceEnd(): void {
    if (this.#closing || this.#session.destroyed) return;
    this.#closing = true;
    this.#connection.ending = 'answered';
    this.#session.goaway();
    this.#idleSince = clock.now;
  }

  closed(): void {
    for (const exchange of this.#exchanges) exchange.clientGone();
    this.#exchanges.clear();
  }

  /** Whether the client takes nothing of this response for long, though it takes that of others. */
  #isStuck(exchange: Http2Exchange, now: number): boolean {
    const { write_timeout } = this.#limits;
    return write_timeout > 0 && exchange.isStuck(now, write_timeout);
  }

  #isIdleTooLong(now: number): boolean {
    if (this.#exchanges.size > 0 || this.#closing) return false;
    const { head_timeout, idle_timeout } = this.#limits;
    const limit = this.#connection.requests === 0 ? head_timeout : idle_timeout;
    return limit > 0 && now - this.#idleSince >= limit;
  }

  /** Everything is said, and the client does not go. */
  #lingersTooLong(now: number): boolean {
    if (this.#exchanges.size > 0 || !(this.#closing || this.#session.destroyed)) return false;
    return now - this.#idleSince >= lingerTime;
  }

  #begin(stream: ServerHttp2Stream, raw: readonly string[]): void {
    const head = requestHead(raw, this.#limits.max_header_size);
    const { probe } = this.#connection;
    if (probe !== null) {
      stream.respond({ ':status': head.target === probe ? 204 : 404 }, { endStream: true });
      return;
    }
    if (++this.#connection.requests >= this.#owner.maxRequests) this.announceEnd();
    let exchange: Http2Exchange | null;
    exchange = new Http2Exchange(this.#owner, this.#connection, stream, head, this.#limits);
    this.#exchanges.add(exchange);
    // An error of the stream ends it; what there is to do then is done at its close.
    stream.on('error', ignore);
    stream.on('close', () => {
      if (exchange === null) return;
      this.#exchanges.delete(exchange);
      exchange.closed();
      // Streams outlive many a minor collection, whatever Node.js does with them: nothing is left
      // hanging on them.
      exchange = null;
      this.#connection.lastActivity = performance.now();
      this.#idleSince = clock.now;
    });
    exchange.start();
  }
}

function ignore(): void {}

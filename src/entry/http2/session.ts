import { performance } from 'node:perf_hooks';
import { clock } from '../../runtime/deadline-timers.ts';
import { DenseSet } from '../../runtime/swap-remove-set.ts';
import type { EntryLimits } from '../../config/types.ts';
import { GatewayError } from '../../errors.ts';
import { rejectionFor } from '../../ipc/rejections.ts';
import type { FieldSection } from '../../http/http2/field-section.ts';
import { type ConnectionError, ErrorCode } from '../../http/http2/frames/protocol.ts';
import {
  type ServerLimits,
  ServerSession,
  type ServerSessionListener,
} from '../../http/http2/server-session.ts';
import type { Stream } from '../../http/http2/stream.ts';
import type { Connection, Multiplex } from '../connection/connection.ts';
import { closeLingering } from '../connection/lingering-close.ts';
import { type InputListener, SocketInput } from '../connection/socket-input.ts';
import type { ExchangeOwner } from '../exchange/exchange.ts';
import { type ExchangeKeeper, Http2Exchange } from './exchange.ts';
import { requestHead } from './headers.ts';

/** Requests of one connection at one time. */
const maxStreams = 128;
/** Bytes of one request's body, and of all of a connection, that are taken ahead of being read. */
const streamWindow = 256 << 10;
const connectionWindow = 1 << 20;
/** How long a client may leave our SETTINGS without an answer, ms. */
const settingsTimeoutMs = 30_000;
/** How long a quiet moment is waited for, ms: to announce the end, and to name the last request. */
const quietTime = 1_000;
/** How long a client without a request is waited for: its pings show that it is there, but no more, ms. */
const restTime = 5_000;
/**
 * How long a client that has its last response may take to end the connection, ms. Some lose what they
 * have not read yet when the other side is the first to end it.
 */
const lingerTime = 1_000;
/** How long a client that floods us has to read why its connection ends, ms. */
const floodTime = 1_000;

/** Limits of an entry's sessions. */
export function serverLimits(limits: EntryLimits): ServerLimits {
  return {
    maxStreams,
    streamWindow,
    connectionWindow,
    maxHeaderSize: limits.max_header_size,
    maxHeaderFields: limits.max_header_count || Infinity,
    settingsTimeoutMs,
    extendedConnect: true,
  };
}

/** Speaks HTTP/2 on a connection whose client does. `first`: bytes that have been read already. */
export function serveHttp2(
  owner: ExchangeOwner,
  connection: Connection,
  limits: EntryLimits,
  first: Buffer | null = null,
): void {
  const served = new Http2Connection(owner, connection, limits);
  connection.multiplex = served;
  served.begin(first);
}

/** How far the end of a connection has come. */
const Ending = {
  no: 0,
  /** It is to be announced in a quiet moment. */
  due: 1,
  announced: 2,
  /** The last request is named. */
  final: 3,
} as const;

/** A client's connection over which HTTP/2 is spoken: its requests, their time limits, and its end. */
class Http2Connection implements Multiplex, InputListener, ServerSessionListener, ExchangeKeeper {
  readonly #owner: ExchangeOwner;
  readonly #connection: Connection;
  readonly #session: ServerSession;
  readonly #input: SocketInput;
  readonly #limits: EntryLimits;
  readonly #exchanges = new DenseSet<Http2Exchange>();
  #ending: number = Ending.no;
  /** When the end came to where it is, in the clock's time. */
  #endingSince = 0;
  /** Since when there has been no request, in the clock's time. */
  #idleSince = clock.now;

  constructor(owner: ExchangeOwner, connection: Connection, limits: EntryLimits) {
    this.#limits = limits;
    this.#owner = owner;
    this.#connection = connection;
    this.#session = new ServerSession(connection.socket, serverLimits(limits), this);
    this.#input = new SocketInput(connection.socket, this);
  }

  begin(first: Buffer | null): void {
    this.#input.begin();
    if (first !== null) this.received(first, first.length);
    if (this.#owner.draining) this.announceEnd();
  }

  // What happens on the connection.

  received(bytes: Buffer, end: number): void {
    this.#session.receive(bytes, 0, end);
  }

  drained(): void {
    this.#session.drained();
  }

  clientEnded(): void {
    // HTTP/2 knows no client that only listens: whoever ends the connection is gone.
    this.#connection.socket.destroy();
  }

  closed(): void {
    this.#session.close('the client went away');
  }

  // What the connection is asked.

  get open(): number {
    return this.#exchanges.size;
  }

  get receiving(): boolean {
    for (const exchange of this.#exchanges) if (exchange.receiving) return true;
    return false;
  }

  get owing(): boolean {
    for (const exchange of this.#exchanges) if (exchange.owing) return true;
    return false;
  }

  get progress(): number {
    return this.#session.outflow.progress;
  }

  isLate(now: number): boolean {
    for (const exchange of this.#exchanges) {
      exchange.resetIfDue(now);
      if (exchange.isLate(now, this.#limits) || this.#isStuck(exchange, now)) return true;
    }
    return this.#isIdleTooLong(now) || this.#session.isSilent || this.#isEndDue(now);
  }

  endLate(now: number): void {
    for (const exchange of this.#exchanges) {
      if (exchange.isLate(now, this.#limits)) {
        exchange.malformed(new GatewayError('REQUEST_TIMEOUT'));
      } else if (this.#isStuck(exchange, now)) exchange.breakOff();
    }
    if (this.#session.isSilent) this.#connection.destroy();
    else if (this.#isIdleTooLong(now)) {
      if (this.#session.isHeadOpen) this.#owner.rejections.add('head_timeout');
      this.end();
    } else if (this.#isEndDue(now)) this.#goOnEnding(now);
  }

  /**
   * Ends the connection without surprising its client: many give up what is under way, or about to be
   * sent, when they are told. So they are told at the end of a response, if there is such a moment.
   */
  announceEnd(): void {
    if (this.#ending === Ending.no) this.#setEnding(Ending.due);
  }

  /** Ends the connection, which is quiet. */
  end(): void {
    this.announceEnd();
    if (this.#ending === Ending.due) this.#announce();
  }

  // What the session reports.

  onRequest(stream: Stream, section: FieldSection): void {
    const head = requestHead(section);
    const connection = this.#connection;
    const { probe } = connection;
    if (head.refusal !== null) this.#owner.rejections.add(rejectionFor(head.refusal.status));
    const exchange = new Http2Exchange(this.#owner, connection, this, stream, head, this.#limits);
    if (this.#exchanges.size === 0 && connection.requests > 0) connection.rested(this.#idleSince);
    this.#exchanges.add(exchange);
    if (probe !== null) {
      exchange.send(head.target === probe ? 204 : 404, '', [], null);
      return;
    }
    if (++connection.requests >= this.#owner.maxRequests) this.announceEnd();
    exchange.start();
  }

  onMalformed(): void {
    this.#owner.rejections.add('malformed');
  }

  onStreamClosed(exchange: Http2Exchange): void {
    this.#exchanges.delete(exchange);
    this.#connection.lastActivity = performance.now();
    this.#idleSince = clock.now;
  }

  onIdle(): void {
    if (this.#ending === Ending.due) this.#announce();
    else if (this.#ending === Ending.announced && this.#session.isEndKnown) this.#finish();
  }

  onClientLeaves(): void {
    this.#finish();
  }

  onOver({ code }: ConnectionError): void {
    const { socket } = this.#connection;
    if (code !== ErrorCode.noError) this.#owner.rejections.add('malformed');
    this.#connection.closing = true;
    this.#input.release();
    closeLingering(socket, this.#connection.intake);
    if (code !== ErrorCode.enhanceYourCalm) return;
    // Nothing more of a flood is read.
    socket.pause();
    setTimeout(() => socket.destroy(), floodTime).unref();
  }

  /** Whether the client takes nothing of this response for long, though it takes that of others. */
  #isStuck(exchange: Http2Exchange, now: number): boolean {
    const { write_timeout } = this.#limits;
    return write_timeout > 0 && exchange.isStuck(now, write_timeout);
  }

  #isIdleTooLong(now: number): boolean {
    if (this.open > 0 || this.#ending > Ending.due) return false;
    const { head_timeout, idle_timeout } = this.#limits;
    const limit = this.#connection.requests === 0 ? head_timeout : idle_timeout;
    return limit > 0 && now - this.#idleSince >= limit;
  }

  #setEnding(ending: number): void {
    this.#ending = ending;
    this.#endingSince = clock.now;
  }

  #announce(): void {
    this.#setEnding(Ending.announced);
    this.#connection.ending = 'answered';
    this.#session.announceEnd();
  }

  #finish(): void {
    if (this.#ending === Ending.final) return;
    this.#setEnding(Ending.final);
    this.#connection.ending = 'answered';
    this.#session.finish();
  }

  #isEndDue(now: number): boolean {
    switch (this.#ending) {
      case Ending.due:
        if (this.open > 0) return now - this.#endingSince >= quietTime;
        return now - Math.max(this.#endingSince, this.#idleSince) >= restTime;
      case Ending.announced:
        return true;
      case Ending.final:
        return this.open === 0 && now - Math.max(this.#endingSince, this.#idleSince) >= lingerTime;
      default:
        return false;
    }
  }

  #goOnEnding(now: number): void {
    const session = this.#session;
    if (this.#ending === Ending.due) this.#announce();
    else if (this.#ending === Ending.final) session.leave();
    else if (this.open === 0 && session.isEndKnown) this.#finish();
    else if (now - this.#endingSince >= quietTime) this.#finish();
    // Not with the announcement: some clients give up what comes with it if more follows.
    else session.confirmEnd();
  }
}

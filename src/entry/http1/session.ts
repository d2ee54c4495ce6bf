import { clock } from '../../runtime/deadline-timers.ts';
import { MessageWriter } from '../../http/http1/message-writer.ts';
import { own, smallPart } from '../../http/http1/read-buffer.ts';
import { type ParsedHead, readRequestHead } from '../../http/http1/request-head.ts';
import { GatewayError } from '../../errors.ts';
import { rejectionFor } from '../../ipc/rejections.ts';
import { onceCaughtUp } from '../../runtime/after-poll.ts';
import { ClientSocket } from '../connection/client-socket.ts';
import type { Connection } from '../connection/connection.ts';
import { rawErrorResponse } from '../exchange/error-response.ts';
import { type ExchangeSession, Http1Exchange } from './exchange.ts';
import { PendingInput } from './pending-input.ts';
import { type BodyFlow, RequestBody } from './request-body.ts';
import { type Awaited, SessionTimer, type TimedSession } from './session-timer.ts';
import type { Http1Settings } from './settings.ts';
import { type InputListener, SocketInput } from '../connection/socket-input.ts';

/** Requests of one connection that are answered before other connections have their turn. */
const requestsPerTurn = 8;
/**
 * A client that ends its side later than this after its request, in ms, has given up. One that ends
 * it at once, as `nc -N` does, waits for the answer.
 */
const halfCloseMs = 1_000;

/** Serves a connection whose client speaks HTTP/1. */
export function serveHttp1(settings: Http1Settings, connection: Connection): void {
  new Http1Session(settings, connection).begin();
}

/**
 * A connection of HTTP/1. Its requests are read, run and answered one after the other: a later one
 * may rely on what an earlier one has written. What comes ahead of its turn stays bytes.
 */
class Http1Session implements InputListener, TimedSession, ExchangeSession, BodyFlow {
  readonly keepAlive: string;
  readonly writer: MessageWriter;
  readonly #settings: Http1Settings;
  readonly #connection: Connection;
  readonly #input: SocketInput;
  readonly #timer: SessionTimer;
  readonly #pending = new PendingInput();
  #exchange: Http1Exchange | null = null;
  /** A body that is still arriving. */
  #body: RequestBody | null = null;
  /** Whether the client has said that it sends no further request. */
  #clientEnds = false;
  /** Whether the client has ended its side of the connection. */
  #halfClosed = false;
  #looking = false;
  /** Whether the next request waits for the next turn of the event loop, or has just done so. */
  #turn: 'now' | 'waiting' | 'granted' = 'now';
  /** Requests that may still be answered in this turn, however they are answered. */
  #leftInTurn = requestsPerTurn;

  constructor(settings: Http1Settings, connection: Connection) {
    this.#settings = settings;
    this.#connection = connection;
    this.keepAlive = settings.keepAlive;
    this.writer = new MessageWriter(connection.socket);
    this.#input = new SocketInput(connection.socket, this);
    this.#timer = new SessionTimer(this, settings.limits, connection.intake);
  }

  begin(): void {
    this.#timer.start();
    this.#timer.awaitHead();
    this.#input.begin();
  }

  // What a body asks for.

  get gone(): boolean {
    return this.#connection.socket.destroyed;
  }

  pause(): void {
    if (this.#input.paused) return;
    this.#input.pause();
    this.#timeBody();
  }

  resume(): void {
    if (this.#input.paused) this.#input.resume(this.#body !== null);
    this.#timeBody();
  }

  askForBody(): void {
    this.#exchange?.inform(100, []);
  }

  // What an exchange asks for.

  get isLast(): boolean {
    return this.#halfClosed && !this.#connection.ahead;
  }

  responded(last: boolean, now: number): void {
    const body = this.#body;
    const connection = this.#connection;
    this.#exchange = null;
    connection.finished(now);
    if (last) {
      this.#timer.clear();
      connection.ending = 'answered';
      if (this.#hasAll) connection.destroy();
      else connection.close();
      return;
    }
    if (body === null) this.#timer.awaitRequest();
    else {
      // Where the connection was said to stay, the rest of the request has to be read.
      body.discard();
      this.resume();
    }
    this.#goOn();
  }

  release(): Buffer | null {
    this.#timer.stop();
    this.#input.release();
    return this.#pending.take();
  }

  late(awaited: Awaited): void {
    const connection = this.#connection;
    if (connection.closing) return;
    // A half-closed client that takes nothing may have gone.
    if (awaited === 'answer') connection.destroy();
    else if (awaited !== 'body') onceCaughtUp(() => this.#endSilent());
    // The request has been answered: nothing more can be told.
    else if (this.#exchange === null) connection.close();
    else this.#exchange.malformed(new GatewayError('REQUEST_TIMEOUT'));
  }

  /** Ends a connection without a request, unless something has come meanwhile. */
  #endSilent(): void {
    const connection = this.#connection;
    if (this.#timer.deadline !== Infinity || connection.closing || this.#exchange !== null) return;
    if (this.#pending.isPartial) this.#reject(new GatewayError('REQUEST_TIMEOUT'));
    else if (connection.doing === 'idle') connection.close();
  }

  received(bytes: Buffer, end: number): void {
    if (this.#connection.closing) return;
    this.#leftInTurn = requestsPerTurn;
    let at = this.#body === null ? 0 : this.#receiveBody(this.#body, bytes, end);
    const pending = this.#pending;
    if (pending.bytes === null) at = this.#takeAll(bytes, at, end);
    const { maxBytes } = this.#settings.headLimits;
    if (at < end && pending.add(bytes.subarray(at, end), maxBytes)) this.#goOn();
    else this.#settle();
  }

  #receiveBody(body: RequestBody, bytes: Buffer, end: number): number {
    let at: number;
    try {
      at = body.receive(bytes, 0, end);
    } catch (error) {
      this.#refuseBody(error as GatewayError);
      return end;
    }
    if (!body.complete) this.#timeBody();
    else {
      this.#body = null;
      this.#input.streams(false);
      if (this.#exchange === null) this.#timer.awaitRequest();
      else this.#timer.clear();
    }
    return at;
  }

  /** Nobody can tell where the next request begins. */
  #refuseBody(error: GatewayError): void {
    this.#body = null;
    this.#timer.clear();
    if (this.#exchange !== null) this.#exchange.malformed(error);
    else this.#connection.close();
  }

  /** Goes on with what has been read already. */
  #goOn(): void {
    if (this.#looking) return;
    const bytes = this.#isFree ? this.#pending.take() : null;
    if (bytes !== null) {
      const at = this.#takeAll(bytes, 0, bytes.length);
      if (at < bytes.length) this.#pending.bytes = bytes.subarray(at);
    }
    this.#settle();
  }

  /** Runs the requests that have been read, one after the other; answers how far it came. */
  #takeAll(bytes: Buffer, from: number, end: number): number {
    if (this.#looking) return from;
    let at = from;
    this.#looking = true;
    while (at < end && this.#isFree) {
      if (this.#leftInTurn === 0 || (this.#settings.owner.draining && this.#turn === 'now')) {
        this.#waitForTurn();
        break;
      }
      this.#leftInTurn--;
      const next = this.#take(bytes, at, end);
      if (next === at) break;
      at = next;
    }
    this.#looking = false;
    return at;
  }

  /**
   * Lets the event loop look at everything else first; while the worker drains before each request,
   * so that those after it are seen: the last one is answered with `Connection: close`.
   */
  #waitForTurn(): void {
    this.#turn = 'waiting';
    setImmediate(() => {
      this.#turn = 'granted';
      this.#leftInTurn = requestsPerTurn;
      if (!this.#connection.closing) this.#goOn();
    });
  }

  /** Reads on, or lets the client wait. */
  #settle(): void {
    const pending = this.#pending;
    const connection = this.#connection;
    // What is left of a body that nobody waits for is ahead, too.
    const discards = this.#body !== null && this.#exchange === null;
    connection.ahead = pending.bytes !== null || discards;
    if (connection.closing) return;
    if (this.#halfClosed && this.#exchange === null && pending.isSpent) connection.close();
    // A client that sends far ahead has to wait; below that, its going away is noticed.
    else if (pending.isFull) this.pause();
    else if (this.#body === null && this.#input.paused) this.resume();
  }

  /**
   * Whether both sides have sent all they had to, so that nothing is lost when the connection just
   * closes. Over TLS it would look broken off.
   */
  get #hasAll(): boolean {
    if (!this.#clientEnds || !(this.#connection.socket instanceof ClientSocket)) return false;
    const isRead = this.#body === null && !this.#input.paused && !this.#connection.ahead;
    return isRead && !this.writer.waiting;
  }

  get #isFree(): boolean {
    return (
      this.#exchange === null &&
      this.#body === null &&
      this.#turn !== 'waiting' &&
      !this.#connection.closing &&
      !this.writer.full
    );
  }

  /** Begins the request at `from`; answers the index after it, or `from` when it is unfinished. */
  #take(bytes: Buffer, from: number, end: number): number {
    const begin = this.#pending.passLine(bytes, from, end);
    if (begin > from) return begin;
    let head: ParsedHead | null = null;
    try {
      if (begin === from) head = readRequestHead(bytes, from, end, this.#settings.headLimits);
    } catch (error) {
      const isOthers = this.#settings.handOver(this, this.#connection, bytes.subarray(from, end));
      if (!isOthers) this.#reject(error as GatewayError);
      return end;
    }
    this.#turn = 'now';
    if (head === null) {
      // That of the first request has been timed from the beginning.
      const isNew = this.#pending.headBegins() && this.#connection.requests > 0;
      if (isNew) this.#timer.awaitHead();
      return from;
    }
    this.#pending.headRead();
    this.#timer.clear();
    if (this.#connection.probe === null) return this.#run(head, bytes, end);
    const status = head.target === this.#connection.probe ? '204 No Content' : '404 Not Found';
    this.#answerLast(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    return end;
  }

  /** Runs a request; answers the index after what came of it. */
  #run(head: ParsedHead, bytes: Buffer, end: number): number {
    const settings = this.#settings;
    const connection = this.#connection;
    const wholeBytes = Math.min(smallPart, settings.maxBodyBytes);
    let at = head.end;
    let body: Buffer | RequestBody | null = null;
    let streamed: RequestBody | null = null;
    if (head.length > 0 && head.length <= wholeBytes && at + head.length <= end) {
      at += head.length;
      body = own(bytes.subarray(head.end, at));
    } else if (head.length !== 0) {
      body = streamed = new RequestBody(this, head, settings);
      try {
        at = streamed.receive(bytes, at, end);
      } catch (error) {
        this.#reject(error as GatewayError);
        return end;
      }
      if (!streamed.complete && this.#halfClosed) {
        connection.destroy();
        return end;
      }
    }
    connection.ahead = at < end;
    if (head.upgrade !== null && at < end) {
      // It is the next request, or another protocol's: that is told by the answer.
      this.#pending.bytes = own(bytes.subarray(at, end));
      at = end;
    }
    this.#clientEnds = head.close;
    this.#exchange = new Http1Exchange(settings.owner, connection, this, head, body);
    if (streamed !== null && !streamed.complete) this.#await(streamed);
    connection.start(this.#exchange);
    streamed?.keep();
    // An upgrade that was declined at once.
    if (this.#pending.bytes !== null && this.#exchange === null) this.#waitForTurn();
    if (this.#halfClosed && this.#exchange !== null) this.#timer.awaitAnswer();
    return at;
  }

  /** Expects the rest of a body. */
  #await(body: RequestBody): void {
    this.#body = body;
    this.#timer.beginBody();
    this.#timeBody();
    this.#input.streams(true);
  }

  #timeBody(): void {
    if (this.#body === null) return;
    // The client of a body that nobody reads yet is not the one who is late.
    const isAwaited = this.#body.wanted || this.#exchange === null;
    this.#timer.awaitBody(isAwaited && !this.#input.paused);
  }

  /** Answers something that is no request, after which no other can be told. */
  #reject(error: GatewayError): void {
    this.#settings.owner.counts.add(error.status, 0);
    this.#settings.owner.rejections.add(rejectionFor(error.status));
    this.#answerLast(rawErrorResponse(error));
  }

  #answerLast(response: Buffer | string): void {
    this.#pending.take();
    this.#timer.clear();
    this.#connection.socket.write(response);
    this.#connection.ending = 'answered';
    this.#connection.close();
  }

  drained(): void {
    this.#exchange?.onDrain?.();
    this.#goOn();
  }

  clientEnded(): void {
    this.#halfClosed = true;
    const connection = this.#connection;
    // To end it twice would cost an error that nobody sees.
    if (connection.closing) {
      if (!this.#connection.socket.writableEnded) this.#connection.socket.end();
    } else if (this.#body !== null) connection.destroy();
    else if (this.#exchange === null) this.#goOn();
    else if (clock.now - this.#input.lastAt > halfCloseMs) connection.destroy();
    else this.#timer.awaitAnswer();
  }

  closed(): void {
    this.#timer.stop();
    this.#body?.fail(new GatewayError('CLIENT_GONE'));
  }
}

import type { Duplex } from 'node:stream';
import { type Timed, clock } from '../../runtime/deadline-timers.ts';
import type { EntryLimits } from '../../config/types.ts';
import type { Body } from '../../http/body/body.ts';
import { own, smallPart } from '../../http/http1/read-buffer.ts';
import { SocketWriter } from '../../http/http1/socket-writer.ts';
import { countBodyBytes } from '../../runtime/external-memory.ts';
import { GatewayError } from '../../errors.ts';
import { onceCaughtUp } from '../../runtime/after-poll.ts';
import { ClientSocket } from '../connection/client-socket.ts';
import type { Connection } from '../connection/connection.ts';
import { rawErrorResponse } from '../exchange/error-response.ts';
import type { ExchangeOwner } from '../exchange/exchange.ts';
import { type BodyFlow, StrictBody } from './request-body.ts';
import { type ExchangeReader, StrictExchange } from './exchange.ts';
import { readStrictHead, type StrictLimits } from '../../http/http1/request-head.ts';

/** Bytes that are read behind the request being answered; above it the client has to wait. */
const maxAhead = 64 << 10;

/** What all strictly read connections of an entry have in common. */
export class StrictFront {
  readonly owner: ExchangeOwner;
  readonly limits: EntryLimits;
  readonly headLimits: StrictLimits;
  readonly keepAlive: string;
  /** Lets node:http serve a connection from now on. */
  readonly handOver: (socket: Duplex) => void;

  constructor(owner: ExchangeOwner, limits: EntryLimits, handOver: (socket: Duplex) => void) {
    this.owner = owner;
    this.limits = limits;
    this.handOver = handOver;
    this.headLimits = { size: limits.max_header_size, fields: limits.max_header_count || Infinity };
    const seconds = Math.floor(limits.idle_timeout / 1000);
    const hint = seconds > 0 ? `Keep-Alive: timeout=${seconds}\r\n` : '';
    this.keepAlive = `Connection: keep-alive\r\n${hint}\r\n`;
  }

  /** Reads a connection until it meets what is for node:http to judge. */
  serve(connection: Connection): void {
    new StrictConnection(this, connection).begin();
  }
}

/**
 * A connection whose requests are of the common sort, which is most of them: each is read and
 * answered with few objects and without node:http. The first bytes that `readStrictHead` leaves to
 * others take the connection with them: node:http gets it untouched, and for good.
 */
class StrictConnection implements Timed, ExchangeReader, BodyFlow {
  deadline: number;
  place = -1;
  readonly keepAlive: string;
  readonly writer: SocketWriter;
  readonly #front: StrictFront;
  readonly #connection: Connection;
  readonly #socket: Duplex;
  #exchange: StrictExchange | null = null;
  /** A body that is still arriving. */
  #body: StrictBody | null = null;
  /** When the body has to be complete, in the clock's time. */
  #bodyDeadline = Infinity;
  /** Whether the client has said that it sends no further request. */
  #clientEnds = false;
  /** Bytes that are not a body's and have not been looked at. */
  #rest: Buffer | null = null;
  #paused = false;
  #looking = false;

  constructor(front: StrictFront, connection: Connection) {
    const { limits, keepAlive } = front;
    this.#front = front;
    this.#connection = connection;
    this.keepAlive = keepAlive;
    this.#socket = connection.socket;
    this.writer = new SocketWriter(connection.socket);
    this.deadline = Math.min(
      clock.deadline(limits.head_timeout),
      clock.deadline(limits.request_timeout),
    );
  }

  begin(): void {
    const socket = this.#socket;
    clock.add(this);
    this.#connection.tellsAhead = true;
    if (socket instanceof ClientSocket) socket.receiver = this.#onBytes;
    // Of a ClientSocket that is what was read before it came here, as while it waited for a permit.
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.resume();
  }

  get gone(): boolean {
    return this.#socket.destroyed;
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#stream(false);
    this.#socket.pause();
    this.#timeBody();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#stream(this.#body !== null);
    this.#socket.resume();
    this.#timeBody();
  }

  responded(last: boolean, now: number): void {
    const body = this.#body;
    const connection = this.#connection;
    this.#exchange = null;
    connection.finished(true, this.#front.owner.draining, now);
    if (last) {
      this.deadline = Infinity;
      connection.ending = 'answered';
      if (this.#hasAll) connection.destroy();
      else connection.close();
      return;
    }
    if (body === null) this.deadline = clock.deadline(this.#front.limits.idle_timeout);
    else {
      // Where the connection was said to stay, the rest of the request has to be read.
      body.discard();
      this.resume();
    }
    this.#goOn();
  }

  expire(): void {
    const connection = this.#connection;
    if (connection.closing) return;
    if (this.#body === null) {
      onceCaughtUp(() => {
        // A request that came meanwhile has set another deadline, or is under way.
        if (this.deadline === Infinity && connection.doing === 'idle') connection.close();
      });
      return;
    }
    const error = new GatewayError('REQUEST_TIMEOUT');
    if (this.#exchange !== null) this.#exchange.malformed(error);
    else {
      this.#socket.write(rawErrorResponse(error));
      connection.close();
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    countBodyBytes(chunk.length);
    this.#receive(chunk, chunk.length);
  };

  readonly #onBytes = (buffer: Buffer, count: number): void => {
    this.#receive(buffer, count);
  };

  /** Takes what was read, which may be lent. */
  #receive(bytes: Buffer, end: number): void {
    if (this.#connection.closing) return;
    let at = this.#body === null ? 0 : this.#receiveBody(this.#body, bytes, end);
    if (this.#rest === null) at = this.#takeAll(bytes, at, end);
    if (at < end) {
      const left = part(bytes, at, end);
      this.#rest = this.#rest === null ? own(left) : Buffer.concat([this.#rest, left]);
    }
    this.#settle();
  }

  #receiveBody(body: StrictBody, bytes: Buffer, end: number): number {
    const share = body.share(end);
    body.take(part(bytes, 0, share));
    if (!body.complete) this.#timeBody();
    else {
      this.#body = null;
      this.#stream(false);
      this.deadline =
        this.#exchange === null ? clock.deadline(this.#front.limits.idle_timeout) : Infinity;
    }
    return share;
  }

  /** Goes on with what has been read already. */
  #goOn(): void {
    if (this.#looking) return;
    const rest = this.#rest;
    if (rest !== null && this.#isFree) {
      this.#rest = null;
      const at = this.#takeAll(rest, 0, rest.length);
      if (at < rest.length) this.#rest = rest.subarray(at);
    }
    this.#settle();
  }

  /** Begins what requests have been read, one after the other; answers how far it came. */
  #takeAll(bytes: Buffer, from: number, end: number): number {
    if (this.#looking) return from;
    let at = from;
    this.#looking = true;
    while (at < end && this.#isFree) at = this.#take(bytes, at, end);
    this.#looking = false;
    return at;
  }

  /** Reads on, or lets the client wait. */
  #settle(): void {
    const rest = this.#rest;
    const connection = this.#connection;
    // What is left of a body that nobody waits for is ahead, too.
    connection.ahead = rest !== null || (this.#body !== null && this.#exchange === null);
    if (connection.closing) return;
    // A client that sends far ahead has to wait; below that, its going away is noticed.
    if (rest !== null && rest.length >= maxAhead) this.pause();
    else if (this.#body === null) this.resume();
  }

  /**
   * Whether both sides have sent all they had to, so that nothing is lost when the connection just
   * closes. Over TLS it would look broken off.
   */
  get #hasAll(): boolean {
    if (!this.#clientEnds || !(this.#socket instanceof ClientSocket)) return false;
    const isRead = this.#body === null && !this.#paused && !this.#connection.ahead;
    return isRead && !this.writer.waiting;
  }

  get #isFree(): boolean {
    return (
      this.#exchange === null &&
      this.#body === null &&
      !this.#connection.closing &&
      !this.writer.full
    );
  }

  /** Begins the request at `from`; answers the index behind it. */
  #take(bytes: Buffer, from: number, end: number): number {
    const { owner, headLimits, limits } = this.#front;
    const connection = this.#connection;
    const head = readStrictHead(bytes, from, end, headLimits);
    const tooLong =
      head !== null &&
      limits.max_request_body_size > 0 &&
      head.length > limits.max_request_body_size;
    if (head === null || tooLong || connection.probe !== null) {
      this.#handOver(own(part(bytes, from, end)));
      return end;
    }
    const bodyEnd = head.end + head.length;
    const arrived = Math.min(bodyEnd, end);
    let body: Body = null;
    let streamed: StrictBody | null = null;
    this.deadline = Infinity;
    if (head.length > 0) {
      const first = head.end < end ? part(bytes, head.end, arrived) : null;
      if (first?.length === head.length && first.length <= smallPart) body = own(first);
      else body = streamed = new StrictBody(this, head.length, first);
      if (arrived < bodyEnd) this.#await(body as StrictBody);
    }
    connection.ahead = bodyEnd < end;
    this.#clientEnds = head.close;
    this.#exchange = new StrictExchange(owner, connection, this, head, body);
    connection.arrive(this.#exchange, owner.draining);
    streamed?.keep();
    return arrived;
  }

  /** Expects the rest of a body. */
  #await(body: StrictBody): void {
    this.#body = body;
    this.#bodyDeadline = clock.deadline(this.#front.limits.request_timeout);
    this.#timeBody();
    this.#stream(true);
  }

  #stream(streaming: boolean): void {
    const socket = this.#socket;
    if (socket instanceof ClientSocket) socket.streaming = streaming;
  }

  #timeBody(): void {
    if (this.#body === null) return;
    const silence = this.#paused ? Infinity : clock.deadline(this.#front.limits.read_timeout);
    this.deadline = Math.min(this.#bodyDeadline, silence);
  }

  #handOver(bytes: Buffer): void {
    const socket = this.#socket;
    clock.delete(this);
    this.deadline = 0;
    this.#rest = null;
    this.#paused = false;
    this.#connection.unsettle(bytes.length);
    if (socket instanceof ClientSocket) socket.receiver = null;
    socket.off('data', this.#onData);
    socket.off('drain', this.#onDrain);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    socket.pause();
    this.#front.handOver(socket);
    socket.unshift(bytes);
    socket.resume();
  }

  readonly #onDrain = (): void => {
    this.#exchange?.onDrain?.();
    this.#goOn();
  };

  readonly #onEnd = (): void => {
    this.#rest = null;
    // Within a body there is nobody left to answer.
    if (this.#body !== null && !this.#connection.closing) this.#socket.destroy();
    // To end it twice would cost an error that nobody sees.
    else if (!this.#socket.writableEnded) this.#socket.end();
  };

  readonly #onError = (): void => {
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    clock.delete(this);
    this.#body?.fail(new GatewayError('CLIENT_GONE'));
  };
}

function part(bytes: Buffer, from: number, to: number): Buffer {
  return from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
}

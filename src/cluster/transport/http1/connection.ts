import type { Socket } from 'node:net';
import { countBodyBytes } from '../../../runtime/external-memory.ts';
import { ReadBuffer } from '../../../http/http1/read-buffer.ts';
import { GatewayError, reasonOf } from '../../../errors.ts';
import { clock, type Timed } from '../../../runtime/deadline-timers.ts';
import type { ExchangeCarrier, Http1Exchange } from './exchange.ts';
import { onceCaughtUp } from '../../../runtime/after-poll.ts';
import { onWriteFailure } from '../../../runtime/sockets/write-failure.ts';
import { encodeRequestHead } from '../../../http/http1/encode.ts';
import type { ResponseHead } from '../../../http/http1/response-head-full.ts';
import { ResponseParser, type ResponseListener } from '../../../http/http1/response-parser.ts';
import { type NamedRoute, type NodeAddress, routeOf } from '../node-socket.ts';
import { connectFailure, openSocket, readyEvent, timeConnecting } from '../node-socket.ts';
import type { ConnectionSettings, FailurePhase } from '../transport.ts';
import { RequestSender } from './request-sender.ts';

/** Who keeps the connections to a node. */
export interface ConnectionOwner {
  /** The connection has come to the end of an exchange and can take another. */
  onFree(connection: Http1Connection): void;
  /** The connection is no more. */
  onClosed(connection: Http1Connection): void;
}

/** A connection is given up so long before the node's announced idle timeout. */
const idleMarginMs = 1000;

/** How long a node that takes no more may take for what it still has to say. */
const lastWordsMs = 1_000;

/** One connection to a node, which carries one exchange at a time. */
export class Http1Connection implements ResponseListener, ExchangeCarrier, Timed {
  deadline = Infinity;
  place = -1;
  /** Null where the node has no name. */
  readonly route: NamedRoute | null;
  readonly #address: NodeAddress;
  readonly #settings: ConnectionSettings;
  readonly #owner: ConnectionOwner;
  readonly #socket: Socket;
  readonly #sender: RequestSender;
  readonly #readBuffer = new ReadBuffer();
  readonly #parser = new ResponseParser(this);
  readonly #retireAt: number;
  #exchange: Http1Exchange | null;
  #connected = false;
  #closed = false;
  /** Exchanges that came to their end here. */
  #served = 0;
  #paused = false;
  #wantsPause = false;
  #switchedHead: ResponseHead | null = null;

  /**
   * Connects for `exchange`, which is sent as soon as there is a connection.
   * @param opened a TLS connection that is there already; null to open one
   */
  constructor(
    address: NodeAddress,
    settings: ConnectionSettings,
    owner: ConnectionOwner,
    exchange: Http1Exchange,
    opened: Socket | null = null,
  ) {
    this.#address = address;
    this.#settings = settings;
    this.#owner = owner;
    this.#exchange = exchange;
    exchange.attach(this);
    this.#retireAt = clock.deadline(settings.maxAge);
    clock.add(this);
    // What follows a switch of protocols is read by others, as from any socket.
    const lent = address.tls === null && exchange.request.upgrade === undefined;
    const take = (bytes: Buffer, count: number): boolean => this.#read(bytes, count);
    const onread = lent ? this.#readBuffer.onread(take) : null;
    const socket = opened ?? openSocket(address, onread);
    this.#socket = socket;
    this.route = routeOf(address, socket);
    timeConnecting(this, address, settings, socket);
    this.#sender = new RequestSender(socket, this);
    if (!lent) socket.on('data', this.#onChunk);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    onWriteFailure(socket, (error) => this.#hearOut(error));
    // Not before the caller knows of the connection.
    if (opened === null) socket.once(readyEvent(address), this.#onConnect);
    else queueMicrotask(this.#onConnect);
  }

  /** Whether the connection may still be given an exchange. */
  get usable(): boolean {
    if (!this.#connected || this.#closed || this.#sender.isStopped) return false;
    return this.#retireAt > clock.now && (this.route === null || this.route.isCurrent);
  }

  /** Sends `exchange`; the connection must be free. */
  carry(exchange: Http1Exchange): void {
    this.#exchange = exchange;
    exchange.attach(this);
    this.#send(exchange);
  }

  destroy(): void {
    this.#break(this.#broken('the gateway closed the connection'));
  }

  expire(): void {
    const exchange = this.#exchange;
    if (exchange === null) return this.#close();
    const sender = this.#sender;
    if (sender.isBodyHeld && !exchange.answered) return sender.startBody(exchange);
    const { headTimeout, bodyTimeout } = exchange.request;
    const answering = exchange.answered ? bodyTimeout : headTimeout;
    const timeout = this.#connected ? answering : this.#settings.connectTimeout;
    this.#break(new GatewayError('UPSTREAM_TIMEOUT', { node: this.#address.label, timeout }));
  }

  // The request.

  #send(exchange: Http1Exchange): void {
    const { request } = exchange;
    let head: string;
    try {
      head = encodeRequestHead(request);
    } catch (error) {
      this.#exchange = null;
      queueMicrotask(() => exchange.breakOff(error as Error, 'connect'));
      this.#free();
      return;
    }
    this.#parser.begin(request.method, request.upgrade !== undefined);
    this.#sender.send(exchange, head);
  }

  sendBody(chunk: Buffer): boolean {
    return this.#sender.write(chunk, this.#exchange);
  }

  endRequest(trailers: readonly string[] | undefined): void {
    this.#sender.end(trailers, this.#exchange as Http1Exchange);
  }

  failRequest(error: Error): void {
    this.#break(error);
  }

  readonly #onDrain = (): void => {
    if (this.#exchange !== null) this.#sender.drained(this.#exchange);
  };

  // The response.

  readonly #onChunk = (chunk: Buffer): void => {
    countBodyBytes(chunk.length);
    this.#read(chunk, chunk.length);
  };

  #read(buffer: Buffer, count: number): boolean {
    const exchange = this.#exchange;
    if (exchange === null) {
      // An idle node has nothing to say.
      this.#close();
      return true;
    }
    const parser = this.#parser;
    let end: number;
    try {
      end = parser.execute(buffer, 0, count);
    } catch (error) {
      this.#break(this.#broken(reasonOf(error), error));
      return true;
    }
    if (parser.switched) return this.#switch(exchange, buffer.subarray(end, count));
    if (parser.complete) {
      this.#finish(exchange, end === count);
      return true;
    }
    if (!exchange.answered) return true;
    exchange.tellHead(false);
    if (this.#exchange !== exchange) return true;
    if (!exchange.reading) this.#wantsPause = true;
    const { bodyTimeout } = exchange.request;
    this.deadline = this.#wantsPause ? Infinity : clock.deadline(bodyTimeout);
    if (this.#wantsPause) this.#pause();
    return true;
  }

  onInformation(head: ResponseHead): void {
    const exchange = this.#exchange;
    if (head.status === 101) this.#switchedHead = head;
    else if (head.status === 100 && this.#sender.isBodyHeld && exchange !== null) {
      this.#sender.startBody(exchange);
    } else exchange?.takeInformation(head);
  }

  onResponse(head: ResponseHead, hasBody: boolean, length: number): void {
    this.#readBuffer.streaming = hasBody;
    this.#exchange?.takeHead(head, hasBody, length);
  }

  onData(buffer: Buffer, start: number, end: number): void {
    if (this.#exchange?.takeData(buffer, start, end) === false) this.#wantsPause = true;
  }

  onTrailers(trailers: string[]): void {
    this.#exchange?.takeTrailers(trailers);
  }

  #pause(): void {
    this.#wantsPause = this.#readBuffer.streaming = false;
    if (!this.#paused) this.#socket.pause();
    this.#paused = true;
  }

  resumeResponse(): void {
    this.#wantsPause = false;
    if (!this.#paused) return;
    this.#paused = false;
    this.#readBuffer.streaming = this.#exchange !== null;
    this.deadline = clock.deadline(this.#exchange?.request.bodyTimeout ?? 0);
    this.#socket.resume();
  }

  /** The response is complete; `clean` when nothing came behind it. */
  #finish(exchange: Http1Exchange, clean: boolean): void {
    const { requestSent } = exchange;
    this.#exchange = null;
    this.#readBuffer.streaming = false;
    this.#served++;
    this.#wantsPause = false;
    if (clean && requestSent && this.#parser.keepAlive) this.#free();
    else this.#close();
    exchange.finish();
    if (!requestSent) exchange.cancelRequest();
  }

  #free(): void {
    const hint = this.#parser.keepAliveTimeout - idleMarginMs;
    if (!this.usable || this.#sender.isWaiting || hint <= 0) return this.#close();
    if (this.#paused) this.resumeResponse();
    const idle = clock.deadline(this.#settings.idleTimeout);
    this.deadline = Math.min(idle, clock.now + hint, this.#retireAt);
    this.#owner.onFree(this);
  }

  #switch(exchange: Http1Exchange, rest: Buffer): boolean {
    const head = this.#switchedHead as ResponseHead;
    const socket = this.#socket;
    this.#exchange = null;
    this.deadline = Infinity;
    socket.pause();
    socket.off('data', this.#onChunk);
    socket.off('drain', this.#onDrain);
    socket.off('end', this.#onEnd);
    exchange.takeUpgrade(head, socket, rest);
    return true;
  }

  // The connection.

  readonly #onConnect = (): void => {
    this.#connected = true;
    if (this.#exchange === null) this.#close();
    else this.#send(this.#exchange);
  };

  readonly #onEnd = (): void => {
    const exchange = this.#exchange;
    const parser = this.#parser;
    const isUnderWay = exchange !== null && !parser.complete && parser.begun;
    if (isUnderWay && parser.finish()) this.#finish(exchange, true);
    else this.#break(this.#broken('it closed the connection'));
  };

  /** The node takes no more of the request; what it has said before can still be read. */
  #hearOut(error: Error): boolean {
    const exchange = this.#exchange;
    if (exchange === null || this.#closed) return false;
    this.#sender.isStopped = true;
    this.deadline = clock.deadline(lastWordsMs);
    // Not before sockets have been looked at: this may be one of those that are being looked at now.
    setImmediate(onceCaughtUp, () => {
      if (this.#exchange === exchange && !this.#parser.begun) this.#onError(error);
    });
    return true;
  }

  readonly #onError = (error: Error): void => this.#break(this.#broken(reasonOf(error), error));

  readonly #onClose = (): void => this.#break(this.#broken('the connection was closed'));

  #broken(reason: string, cause?: unknown): GatewayError {
    const code = this.#connected ? 'UPSTREAM_BROKEN' : connectFailure(cause);
    return new GatewayError(code, { node: this.#address.label, reason }, cause);
  }

  /** Ends the connection, and with it the exchange that it carries. */
  #break(error: Error): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#close();
    if (exchange === null) return;
    const { answered } = exchange;
    exchange.breakOff(error, answered ? 'response' : this.#phase(error));
    if (answered && !exchange.requestSent) exchange.cancelRequest();
  }

  #phase(error: Error): FailurePhase {
    if (!this.#connected) return 'connect';
    const broken = error instanceof GatewayError && error.code === 'UPSTREAM_BROKEN';
    return broken && this.#served > 0 && !this.#parser.begun ? 'stale' : 'sent';
  }

  abandon(): void {
    this.#exchange = null;
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clock.delete(this);
    this.#readBuffer.release();
    this.#socket.destroy();
    this.#owner.onClosed(this);
  }
}

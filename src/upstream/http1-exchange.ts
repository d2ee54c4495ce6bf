import type { Duplex } from 'node:stream';
import type { Body, BodySink, BodySource } from '../context/body.ts';
import { lend, own } from '../context/lent-bytes.ts';
import { GatewayError } from '../errors.ts';
import type { ResponseHead } from './http1-head.ts';
import type {
  FailurePhase,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
} from './transport.ts';

/** What an exchange asks of the connection that carries it. */
export interface ExchangeCarrier {
  /** Sends body bytes; false asks to wait for `resumeRequest`. */
  sendBody(chunk: Buffer): boolean;
  /** The request is complete. */
  endRequest(trailers: readonly string[] | undefined): void;
  resumeResponse(): void;
  /** Breaks off: nothing more is wanted of this exchange. */
  abandon(error?: Error): void;
  /** The request cannot be completed. */
  failRequest(error: Error): void;
}

/**
 * One request and its response on an HTTP/1.1 connection. It is at once the sink of the request's
 * body and the source of the response's, so that a common request costs this one object.
 */
export class Http1Exchange implements UpstreamExchange, BodySink, BodySource {
  readonly request: UpstreamRequest;
  /** Body bytes of the response, or undefined when that is not known beforehand. */
  length: number | undefined = undefined;
  readonly takesLent = true;
  /** Whether all of the request has been handed to the socket. */
  requestSent = false;
  /** Whether the response's head has arrived. */
  answered = false;
  readonly #handler: UpstreamHandler;
  #carrier: ExchangeCarrier | null = null;
  /** Set by whoever keeps the exchange waiting for a connection. */
  onAbort: ((exchange: Http1Exchange) => void) | null = null;
  /** A head that has not been told yet, for its body may all be there in a moment. */
  #head: ResponseHead | null = null;
  #hasBody = false;
  #headTold = false;
  #settled = false;
  #sink: BodySink | null = null;
  /** Body bytes that nobody has taken yet. */
  #waiting: Buffer[] = [];
  #complete = false;
  #trailers: string[] | undefined = undefined;
  #failure: Error | null = null;

  constructor(request: UpstreamRequest, handler: UpstreamHandler) {
    this.request = request;
    this.#handler = handler;
  }

  attach(carrier: ExchangeCarrier): void {
    this.#carrier = carrier;
    this.onAbort = null;
  }

  /** Whether the exchange was given up or has failed. */
  get settled(): boolean {
    return this.#settled;
  }

  // The request's body, from its source.

  write(chunk: Buffer): boolean {
    return this.#carrier?.sendBody(chunk) ?? false;
  }

  /** The end of the request's body. */
  end(trailers?: readonly string[]): void {
    this.#carrier?.endRequest(trailers);
  }

  fail(error: Error): void {
    this.#carrier?.failRequest(error);
  }

  /** The connection can take more of the request's body. */
  resumeRequest(): void {
    const { body } = this.request;
    if (body !== null && !Buffer.isBuffer(body)) body.resume();
  }

  /** The rest of the request's body is not wanted: the node has answered already. */
  cancelRequest(): void {
    const { body } = this.request;
    if (body !== null && !Buffer.isBuffer(body)) body.cancel();
  }

  // The response, from the connection.

  takeInformation(head: ResponseHead): void {
    if (!this.#settled) this.#handler.onInformation(head.status, head.headers);
  }

  takeHead(head: ResponseHead, hasBody: boolean, length: number): void {
    this.answered = true;
    this.#head = head;
    this.#hasBody = hasBody;
    this.length = length < 0 ? undefined : length;
  }

  /** Body bytes, which may be lent; false when whoever reads them wants a pause. */
  takeData(chunk: Buffer): boolean {
    if (this.#settled) return true;
    if (this.#sink !== null && this.#waiting.length === 0) return lend(this.#sink, chunk);
    this.#waiting.push(own(chunk));
    // A head not told yet has its body collected as far as one read brought it.
    return this.#sink === null && !this.#headTold;
  }

  takeTrailers(trailers: string[]): void {
    this.#trailers = trailers;
  }

  /** Tells the head, after as much of the body as had come with it was taken. */
  tellHead(complete: boolean): void {
    const head = this.#head;
    if (head === null || this.#settled) return;
    this.#head = null;
    this.#headTold = true;
    let body: Body = this.#hasBody ? this : null;
    if (complete && this.#hasBody && this.#trailers === undefined) {
      const chunks = this.#waiting;
      body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    }
    if (body !== this) this.#settled = true;
    this.#handler.onHead(head.status, head.statusText, head.headers, body);
  }

  /** The node switched protocols; the socket is the handler's from now on. */
  takeUpgrade(head: ResponseHead, socket: Duplex, rest: Buffer): void {
    this.#carrier = null;
    this.#settled = true;
    this.#handler.onUpgrade(head.status, head.headers, socket, rest);
  }

  /** Whether somebody reads the body, or the head is still to come. */
  get reading(): boolean {
    return this.#sink !== null || !this.#headTold;
  }

  /** The response is complete and the connection is another's. */
  finish(): void {
    this.#carrier = null;
    this.tellHead(true);
    if (this.#settled) return;
    this.#complete = true;
    if (this.#sink !== null && this.#waiting.length === 0) this.#finishSink();
  }

  /** The connection broke. */
  breakOff(error: Error, phase: FailurePhase): void {
    this.#carrier = null;
    if (this.#settled) return;
    if (!this.#headTold) {
      this.#settled = true;
      this.#handler.onError(error, phase);
      return;
    }
    this.#failure = error;
    if (this.#sink !== null && this.#waiting.length === 0) this.#finishSink();
  }

  #finishSink(): void {
    const sink = this.#sink as BodySink;
    this.#settled = true;
    if (this.#failure !== null) sink.fail(this.#failure);
    else sink.end(this.#trailers);
  }

  // The response's body, to its sink.

  start(sink: BodySink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    const sink = this.#sink;
    if (sink === null || this.#settled) return;
    while (this.#waiting.length > 0) {
      if (!sink.write(this.#waiting.shift() as Buffer)) return;
      if (this.#settled) return;
    }
    if (this.#complete || this.#failure !== null) this.#finishSink();
    else this.#carrier?.resumeResponse();
  }

  cancel(reason?: Error): void {
    this.abort(reason);
  }

  abort(reason?: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#waiting = [];
    const carrier = this.#carrier;
    this.#carrier = null;
    if (carrier !== null) carrier.abandon(reason ?? new GatewayError('CLIENT_GONE'));
    else this.onAbort?.(this);
  }
}

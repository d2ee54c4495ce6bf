import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Body, BodySink } from '../../../http/body/body.ts';
import { partOf } from '../../../http/http1/read-buffer.ts';
import { GatewayError } from '../../../errors.ts';
import type { ResponseHead } from '../../../http/http1/response-head-full.ts';
import { ResponseBody } from '../response-body.ts';
import type {
  FailurePhase,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
} from '../transport.ts';

/** What an exchange asks of the connection that carries it. */
export interface ExchangeCarrier {
  /** Sends body bytes; false asks to wait for `resumeRequest`. @throws REQUEST_MALFORMED */
  sendBody(chunk: Buffer): boolean;
  /** The request is complete. @throws REQUEST_MALFORMED */
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
export class Http1Exchange extends ResponseBody implements UpstreamExchange, BodySink {
  readonly request: UpstreamRequest;
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
  #trailers: string[] | undefined = undefined;

  constructor(request: UpstreamRequest, handler: UpstreamHandler) {
    super();
    this.request = request;
    this.#handler = handler;
  }

  attach(carrier: ExchangeCarrier): void {
    this.#carrier = carrier;
    this.onAbort = null;
  }

  /** Whether the exchange was given up or has failed. */
  get settled(): boolean {
    return this.over;
  }

  // The request's body, from its source.

  write(chunk: Buffer): boolean {
    try {
      return this.#carrier?.sendBody(chunk) ?? false;
    } catch (error) {
      this.fail(error as Error);
      return false;
    }
  }

  /** The end of the request's body. */
  end(trailers?: readonly string[]): void {
    try {
      this.#carrier?.endRequest(trailers);
    } catch (error) {
      this.fail(error as Error);
    }
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
    if (!this.over) this.#handler.onInformation(head.status, head.headers.asArray());
  }

  takeHead(head: ResponseHead, hasBody: boolean, length: number): void {
    this.answered = true;
    this.#head = head;
    this.#hasBody = hasBody;
    this.length = length < 0 ? undefined : length;
  }

  /** Body bytes, which may be lent; false when whoever reads them wants a pause. */
  takeData(buffer: Buffer, start: number, end: number): boolean {
    if (this.over) return true;
    if (this.#headTold) return this.take(buffer.subarray(start, end));
    // A head not told yet has its body collected as far as one read brought it.
    this.keep(partOf(buffer, start, end));
    return true;
  }

  takeTrailers(trailers: string[]): void {
    this.#trailers = trailers;
  }

  /** Tells the head, after as much of the body as had come with it was taken. */
  tellHead(complete: boolean): void {
    const head = this.#head;
    if (head === null || this.over) return;
    this.#head = null;
    this.#headTold = true;
    let body: Body = this.#hasBody ? this : null;
    if (complete && this.#hasBody && this.#trailers === undefined) {
      body = this.takeWaiting();
    }
    if (body !== this) this.over = true;
    this.#handler.onHead(head.status, head.statusText, head.headers, body);
    if (body === this) this.ownWaiting();
  }

  /** The node switched protocols; the socket is the handler's from now on. */
  takeUpgrade(head: ResponseHead, socket: Duplex, rest: Buffer): void {
    this.#carrier = null;
    this.over = true;
    this.#handler.onUpgrade(head.status, head.headers.asArray(), socket, rest);
  }

  /** Whether somebody reads the body, or the head is still to come. */
  get reading(): boolean {
    return this.isRead || !this.#headTold;
  }

  /** The response is complete and the connection is another's. */
  finish(): void {
    this.#carrier = null;
    this.tellHead(true);
    if (!this.over) this.complete(this.#trailers);
  }

  /** The connection broke. */
  breakOff(error: Error, phase: FailurePhase): void {
    this.#carrier = null;
    if (this.over) return;
    if (!this.#headTold) {
      this.over = true;
      this.#handler.onError(error, phase);
      return;
    }
    this.breakBody(error);
  }

  protected resumeResponse(): void {
    this.#carrier?.resumeResponse();
  }

  abort(reason?: Error): void {
    if (this.over) return;
    this.drop();
    const carrier = this.#carrier;
    this.#carrier = null;
    if (carrier !== null) carrier.abandon(reason ?? new GatewayError('CLIENT_GONE'));
    else this.onAbort?.(this);
  }
}

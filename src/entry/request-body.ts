import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BodySink, BodySource } from '../context/body.ts';
import { GatewayError } from '../errors.ts';
import { BodyArrival } from './body-arrival.ts';
import { trailerRefusal } from './request-checks.ts';

export interface BodyOptions {
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** Bytes it may have; Infinity for no limit. */
  readonly limit: number;
}

/** Whether the request's head announces a body, and of what length. */
export function bodyOf(
  request: IncomingMessage,
  response: ServerResponse,
  options: BodyOptions,
): RequestBody | null {
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      return new RequestBody(request, response, undefined, options);
    }
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      const length = Number(raw[i + 1]);
      return length > 0 ? new RequestBody(request, response, length, options) : null;
    }
  }
  return null;
}

/** A request's body as node:http delivers it. */
export class RequestBody implements BodySource {
  readonly length: number | undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: BodyOptions;
  #sink: BodySink | null = null;
  /** Whether it turned out malformed or too large. */
  refused = false;
  readonly arrival = new BodyArrival();
  #started = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    length: number | undefined,
    options: BodyOptions,
  ) {
    this.#request = request;
    this.#response = response;
    this.length = length;
    this.#options = options;
  }

  /** Whether somebody is taking the body. */
  get wanted(): boolean {
    return this.#sink !== null;
  }

  /**
   * Bytes still to come; Infinity when that is not known. A client that was not told to send its
   * body may send it or not.
   */
  get missing(): number {
    if (this.#request.complete) return 0;
    if (this.#options.expectsContinue && !this.#started) return Number.POSITIVE_INFINITY;
    return (this.length ?? Number.POSITIVE_INFINITY) - this.arrival.received;
  }

  start(sink: BodySink): void {
    if (this.#started) throw new Error('a body is read only once');
    this.#started = true;
    const request = this.#request;
    if (request.destroyed && !request.readableEnded) {
      sink.fail(new GatewayError('CLIENT_GONE'));
      return;
    }
    this.#sink = sink;
    this.arrival.await();
    if (this.#options.expectsContinue && !this.#response.headersSent)
      this.#response.writeContinue();
    request.on('data', (chunk: Buffer) => {
      const { arrival } = this;
      arrival.received += chunk.length;
      const { limit } = this.#options;
      if (arrival.received > limit) this.fail(new GatewayError('BODY_TOO_LARGE', { limit }));
      if (this.#sink?.write(chunk) === false) {
        arrival.hold();
        request.pause();
      }
    });
    request.on('end', () => {
      const refusal = trailerRefusal(request.rawTrailers);
      if (refusal) this.fail(refusal);
      else this.#take()?.end(request.rawTrailers);
    });
    const broken = (): void => this.#take()?.fail(new GatewayError('CLIENT_GONE'));
    request.on('error', broken);
    request.on('close', broken);
  }

  resume(): void {
    this.arrival.await();
    this.#request.resume();
  }

  /** Nothing more is pushed; the connection's owner decides whether the rest is read. */
  cancel(_reason?: Error): void {
    this.#take();
    this.#request.pause();
  }

  /** Fails the one who reads, because the rest of the body is malformed. */
  fail(error: Error): void {
    this.refused = true;
    this.#take()?.fail(error);
  }

  #take(): BodySink | null {
    const sink = this.#sink;
    this.#sink = null;
    this.arrival.hold();
    return sink;
  }
}

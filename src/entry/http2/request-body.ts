import type { BodySink, BodySource } from '../../http/body/body.ts';
import { HeldBytes } from '../../http/body/held-bytes.ts';
import { lend } from '../../http/http1/read-buffer.ts';
import { trailerRefusal } from '../../http/headers/trailers.ts';
import type { Stream } from '../../http/http2/stream.ts';
import { GatewayError } from '../../errors.ts';
import { BodyArrival } from '../../http/body/arrival.ts';

export interface Http2BodyOptions {
  /** Content-Length, or undefined. */
  readonly length: number | undefined;
  /** Bytes it may have; Infinity for no limit. */
  readonly limit: number;
  /** Tells the client to send the body, where it waits for that; else null. */
  readonly askForIt: (() => void) | null;
}

/**
 * A request's body as a stream of HTTP/2 brings it. The client's window opens as bytes are taken: what
 * nobody takes is held, and is never more than the window.
 */
export class Http2Body implements BodySource {
  readonly length: number | undefined;
  readonly arrival = new BodyArrival();
  /** Whether all of it has come. */
  complete = false;
  readonly #stream: Stream;
  readonly #options: Http2BodyOptions;
  readonly #held = new HeldBytes();
  #sink: BodySink | null = null;
  #started = false;
  /** Whether whoever reads has asked to wait. */
  #paused = false;
  /** Bytes that were passed on, and count as taken when the reader goes on. */
  #unpaid = 0;
  #gone = false;
  #trailers: readonly string[] = [];

  constructor(stream: Stream, options: Http2BodyOptions) {
    this.#stream = stream;
    this.#options = options;
    this.length = options.length;
  }

  /** Whether somebody is taking the body. */
  get wanted(): boolean {
    return this.#sink !== null;
  }

  // What the stream brings.

  /** Takes bytes, which are lent. */
  receive(chunk: Buffer): void {
    this.arrival.received += chunk.length;
    const { limit } = this.#options;
    if (this.arrival.received > limit) {
      this.#drop();
      this.fail(new GatewayError('BODY_TOO_LARGE', { limit }));
    } else if (this.#sink === null || this.#paused) this.#held.push(chunk);
    else this.#pass(this.#sink, chunk);
  }

  end(trailers: readonly string[] = []): void {
    this.complete = true;
    this.#trailers = trailers;
    if (this.#sink !== null && !this.#paused) this.#finish();
  }

  /** The rest will not come. */
  breakOff(): void {
    this.#gone = true;
    this.#held.clear();
    this.#take()?.fail(new GatewayError('CLIENT_GONE'));
  }

  /** Whatever still comes is thrown away. */
  discard(): void {
    this.#drop();
    this.#take()?.fail(new GatewayError('CLIENT_GONE'));
  }

  /** Fails the one who reads, because the rest of the body is not to be had. */
  fail(error: Error): void {
    this.#take()?.fail(error);
  }

  // What the reader asks for.

  start(sink: BodySink): void {
    if (this.#started) throw new Error('a body is read only once');
    this.#started = true;
    if (this.#gone) {
      sink.fail(new GatewayError('CLIENT_GONE'));
      return;
    }
    this.#sink = sink;
    if (!this.complete) this.#options.askForIt?.();
    this.resume();
  }

  resume(): void {
    this.#paused = false;
    this.arrival.await();
    this.#stream.consume(this.#unpaid);
    this.#unpaid = 0;
    while (this.#sink !== null && !this.#paused) {
      const part = this.#held.shift();
      if (part === undefined) break;
      this.#pass(this.#sink, part);
    }
    if (this.complete && this.#sink !== null && !this.#paused) this.#finish();
  }

  /** Nothing more is passed on. What still comes is held until the exchange throws it away. */
  cancel(_reason?: Error): void {
    this.#take();
  }

  #pass(sink: BodySink, chunk: Buffer): void {
    const { length } = chunk;
    if (lend(sink, chunk)) {
      this.#stream.consume(length);
      return;
    }
    this.#paused = true;
    this.#unpaid += length;
    this.arrival.hold();
  }

  #finish(): void {
    const refusal = trailerRefusal(this.#trailers);
    const sink = this.#take();
    if (refusal) sink?.fail(refusal);
    else sink?.end(this.#trailers);
  }

  #drop(): void {
    this.#gone = true;
    this.#held.clear();
    this.#stream.discard();
  }

  #take(): BodySink | null {
    const sink = this.#sink;
    this.#sink = null;
    this.arrival.hold();
    return sink;
  }
}

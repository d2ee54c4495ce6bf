import type { Readable } from 'node:stream';
import type { BodySink, BodySource } from './body.ts';
import { countBodyBytes } from '../../runtime/external-memory.ts';
import { GatewayError } from '../../errors.ts';
import { BodyArrival } from './arrival.ts';
import { trailerRefusal } from '../http1/request-validation.ts';

export interface BodyOptions {
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** Bytes it may have; Infinity for no limit. */
  readonly limit: number;
}

/** A request's body as a stream of Node.js delivers it; each kind of stream tells its end otherwise. */
export abstract class StreamedBody implements BodySource {
  readonly length: number | undefined;
  readonly arrival = new BodyArrival();
  /** Whether it turned out malformed or too large. */
  refused = false;
  protected readonly options: BodyOptions;
  protected started = false;
  readonly #stream: Readable;
  #sink: BodySink | null = null;
  #unwanted = false;

  constructor(stream: Readable, length: number | undefined, options: BodyOptions) {
    this.#stream = stream;
    this.length = length;
    this.options = options;
  }

  /** Tells the client to send its body, unless it has been answered already. */
  protected abstract tellToSend(): void;
  /** Sees to it that `finish` or `breakOff` is called when the stream has ended. */
  protected abstract watchEnd(): void;

  /** Whether somebody is taking the body. */
  get wanted(): boolean {
    return this.#sink !== null;
  }

  start(sink: BodySink): void {
    if (this.started) throw new Error('a body is read only once');
    this.started = true;
    const stream = this.#stream;
    if (stream.destroyed) {
      sink.fail(new GatewayError('CLIENT_GONE'));
      return;
    }
    this.#sink = sink;
    this.arrival.await();
    if (this.options.expectsContinue) this.tellToSend();
    stream.on('data', (chunk: Buffer) => this.#pass(chunk));
    this.watchEnd();
  }

  resume(): void {
    this.arrival.await();
    this.#stream.resume();
  }

  /** Nothing more is pushed; whether the rest is read is for the connection to say. */
  cancel(_reason?: Error): void {
    this.#take();
    if (!this.#unwanted) this.#stream.pause();
  }

  /** Whatever still comes is thrown away; `seen` is called whenever something has come. */
  discard(seen?: () => void): void {
    this.#unwanted = true;
    this.breakOff();
    if (seen !== undefined) this.#stream.on('data', seen).on('end', seen);
    // What comes is counted.
    if (!this.started) this.#stream.on('data', (chunk: Buffer) => this.#pass(chunk));
    this.#stream.resume();
  }

  /** Fails the one who reads, because the rest of the body is malformed. */
  fail(error: Error): void {
    this.refused = true;
    this.#take()?.fail(error);
  }

  /** All of it is here. */
  protected finish(trailers: readonly string[]): void {
    const refusal = trailerRefusal(trailers);
    if (refusal) this.fail(refusal);
    else this.#take()?.end(trailers);
  }

  /** The rest will not come. */
  protected readonly breakOff = (): void => {
    this.#take()?.fail(new GatewayError('CLIENT_GONE'));
  };

  #pass(chunk: Buffer): void {
    const { arrival } = this;
    arrival.received += chunk.length;
    // Read by Node.js, into memory of its own.
    countBodyBytes(chunk.length);
    const { limit } = this.options;
    if (arrival.received > limit) this.fail(new GatewayError('BODY_TOO_LARGE', { limit }));
    if (this.#sink?.write(chunk) === false) {
      arrival.hold();
      this.#stream.pause();
    }
  }

  #take(): BodySink | null {
    const sink = this.#sink;
    this.#sink = null;
    this.arrival.hold();
    return sink;
  }
}

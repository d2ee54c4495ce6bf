import type { ServerHttp2Stream } from 'node:http2';
import type { BodySink, BodySource } from '../context/body.ts';
import { GatewayError } from '../errors.ts';
import { BodyArrival } from './body-arrival.ts';
import type { BodyOptions } from './request-body.ts';
import { trailerRefusal } from './request-checks.ts';

/** A request's body as a stream of HTTP/2 delivers it. */
export class Http2Body implements BodySource {
  readonly length: number | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #options: BodyOptions;
  readonly arrival = new BodyArrival();
  #sink: BodySink | null = null;
  #started = false;
  #trailers: readonly string[] = [];

  constructor(stream: ServerHttp2Stream, length: number | undefined, options: BodyOptions) {
    this.#stream = stream;
    this.length = length;
    this.#options = options;
    stream.on('trailers', (_headers, _flags, raw?: string[]) => {
      this.#trailers = raw ?? [];
    });
  }

  start(sink: BodySink): void {
    if (this.#started) throw new Error('a body is read only once');
    this.#started = true;
    const stream = this.#stream;
    if (stream.destroyed && !stream.readableEnded) {
      sink.fail(new GatewayError('CLIENT_GONE'));
      return;
    }
    this.#sink = sink;
    this.arrival.await();
    if (this.#options.expectsContinue && !stream.headersSent)
      stream.additionalHeaders({ ':status': 100 });
    stream.on('data', (chunk: Buffer) => {
      const { arrival } = this;
      arrival.received += chunk.length;
      const { limit } = this.#options;
      if (arrival.received > limit) this.fail(new GatewayError('BODY_TOO_LARGE', { limit }));
      if (this.#sink?.write(chunk) === false) {
        arrival.hold();
        stream.pause();
      }
    });
    // The trailers are told of behind the end.
    stream.on('end', () => setImmediate(() => this.#end()));
    const broken = (): void => this.#take()?.fail(new GatewayError('CLIENT_GONE'));
    stream.on('aborted', broken);
    stream.on('close', () => {
      if (!stream.readableEnded) broken();
    });
  }

  resume(): void {
    this.arrival.await();
    this.#stream.resume();
  }

  /** Nothing more is pushed; the response's end tells the client to stop. */
  cancel(_reason?: Error): void {
    this.#take();
    this.#stream.pause();
  }

  /** Fails the one who reads. */
  fail(error: Error): void {
    this.#take()?.fail(error);
  }

  #end(): void {
    const refusal = trailerRefusal(this.#trailers);
    if (refusal) this.fail(refusal);
    else this.#take()?.end(this.#trailers);
  }

  #take(): BodySink | null {
    const sink = this.#sink;
    this.#sink = null;
    this.arrival.hold();
    return sink;
  }
}

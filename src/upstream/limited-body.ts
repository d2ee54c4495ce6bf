import type { BodySink, BodySource } from '../context/body.ts';

/** A response body of unknown length that fails when it becomes longer than allowed. */
export class LimitedBody implements BodySource, BodySink {
  readonly length = undefined;
  readonly #source: BodySource;
  readonly #exceeded: () => Error;
  #left: number;
  #sink: BodySink | null = null;

  constructor(source: BodySource, limit: number, exceeded: () => Error) {
    this.#source = source;
    this.#left = limit;
    this.#exceeded = exceeded;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.#source.start(this);
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(reason?: Error): void {
    this.#sink = null;
    this.#source.cancel(reason);
  }

  write(chunk: Buffer): boolean {
    this.#left -= chunk.length;
    if (this.#left >= 0) return this.#sink?.write(chunk) ?? true;
    const error = this.#exceeded();
    this.#source.cancel(error);
    this.fail(error);
    return true;
  }

  end(trailers?: readonly string[]): void {
    this.#sink?.end(trailers);
  }

  fail(error: Error): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.fail(error);
  }
}

import type { BodySink, BodySource } from './body.ts';
import { lend } from '../http1/read-buffer.ts';

/** A body that passes from its source to its sink as it is; others build on it to look at what passes. */
export class PassingBody implements BodySource, BodySink {
  readonly takesLent = true;
  protected readonly source: BodySource;
  #sink: BodySink | null = null;

  constructor(source: BodySource) {
    this.source = source;
  }

  get length(): number | undefined {
    return this.source.length;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.source.start(this);
  }

  resume(): void {
    this.source.resume();
  }

  cancel(reason?: Error): void {
    this.#sink = null;
    this.source.cancel(reason);
  }

  write(chunk: Buffer): boolean {
    return this.#sink === null || lend(this.#sink, chunk);
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

import { createGzip, type Gzip } from 'node:zlib';
import type { BodySink, BodySource } from './body.ts';

/** A body compressed on its way, with backpressure both ways. */
export class GzipBody implements BodySource, BodySink {
  readonly length = undefined;
  readonly #source: BodySource;
  readonly #gzip: Gzip;
  #sink: BodySink | null = null;
  #trailers: readonly string[] | undefined;

  constructor(source: BodySource) {
    this.#source = source;
    this.#gzip = createGzip({ level: 1 });
    this.#gzip.pause();
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    const gzip = this.#gzip;
    gzip.on('data', (chunk: Buffer) => {
      if (this.#sink?.write(chunk) === false) gzip.pause();
    });
    gzip.on('drain', () => this.#source.resume());
    gzip.on('end', () => this.#take()?.end(this.#trailers));
    gzip.on('error', (error) => this.#take()?.fail(error));
    gzip.resume();
    this.#source.start(this);
  }

  resume(): void {
    this.#gzip.resume();
  }

  cancel(reason?: Error): void {
    this.#sink = null;
    this.#gzip.destroy();
    this.#source.cancel(reason);
  }

  write(chunk: Buffer): boolean {
    return this.#gzip.write(chunk);
  }

  end(trailers?: readonly string[]): void {
    this.#trailers = trailers;
    this.#gzip.end();
  }

  fail(error: Error): void {
    this.#gzip.destroy();
    this.#take()?.fail(error);
  }

  #take(): BodySink | null {
    const sink = this.#sink;
    this.#sink = null;
    return sink;
  }
}

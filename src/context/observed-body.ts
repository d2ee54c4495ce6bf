import type { BodySink, BodySource } from './body.ts';

/** What was seen of a body that has gone by. */
export interface ObservedPart {
  /** How it begins. */
  readonly start: Buffer;
  /** Bytes in all. */
  readonly length: number;
  /** Whether it came to its end. */
  readonly complete: boolean;
}

/** Passes a body on and remembers how it began; tells once when it is over, however it ends. */
export class ObservedBody implements BodySource, BodySink {
  readonly #source: BodySource;
  readonly #kept: Buffer[] = [];
  readonly #onOver: ((part: ObservedPart) => void) | undefined;
  #room: number;
  #seen = 0;
  #sink: BodySink | null = null;
  #over = false;
  #complete = false;

  /** Remembers up to `size` bytes. */
  constructor(source: BodySource, size: number, onOver?: (part: ObservedPart) => void) {
    this.#source = source;
    this.#room = size;
    this.#onOver = onOver;
  }

  /** What has gone by so far. */
  get part(): ObservedPart {
    return {
      start: Buffer.concat(this.#kept),
      length: this.#seen,
      complete: this.#complete,
    };
  }

  get length(): number | undefined {
    return this.#source.length;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.#source.start(this);
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(reason?: Error): void {
    this.#source.cancel(reason);
    this.#tell();
  }

  write(chunk: Buffer): boolean {
    this.#seen += chunk.length;
    if (this.#room > 0) {
      const kept = chunk.subarray(0, this.#room);
      this.#room -= kept.length;
      this.#kept.push(Buffer.from(kept));
    }
    return this.#sink?.write(chunk) ?? true;
  }

  end(trailers?: readonly string[]): void {
    this.#complete = true;
    this.#sink?.end(trailers);
    this.#tell();
  }

  fail(error: Error): void {
    this.#sink?.fail(error);
    this.#tell();
  }

  #tell(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onOver?.(this.part);
  }
}

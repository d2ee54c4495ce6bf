import type { BodySource } from './body.ts';
import { PassingBody } from './passthrough.ts';

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
export class ObservedBody extends PassingBody {
  readonly #kept: Buffer[] = [];
  readonly #onOver: ((part: ObservedPart) => void) | undefined;
  #room: number;
  #seen = 0;
  #over = false;
  #complete = false;

  /** Remembers up to `size` bytes. */
  constructor(source: BodySource, size: number, onOver?: (part: ObservedPart) => void) {
    super(source);
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

  override cancel(reason?: Error): void {
    super.cancel(reason);
    this.#tell();
  }

  override write(chunk: Buffer): boolean {
    this.#seen += chunk.length;
    if (this.#room > 0) {
      const kept = chunk.subarray(0, this.#room);
      this.#room -= kept.length;
      this.#kept.push(Buffer.from(kept));
    }
    return super.write(chunk);
  }

  override end(trailers?: readonly string[]): void {
    this.#complete = true;
    super.end(trailers);
    this.#tell();
  }

  override fail(error: Error): void {
    super.fail(error);
    this.#tell();
  }

  #tell(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onOver?.(this.part);
  }
}

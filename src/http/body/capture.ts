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

/** Passes a body on and remembers how it began. */
export class ObservedBody extends PassingBody {
  readonly #kept: Buffer[] = [];
  readonly #hasRoomFor: (bytes: number) => boolean;
  #room: number;
  #seen = 0;
  #complete = false;

  /** Remembers up to `size` bytes, and no more once there is no room for them. */
  constructor(source: BodySource, size: number, hasRoomFor: (bytes: number) => boolean) {
    super(source);
    this.#room = size;
    this.#hasRoomFor = hasRoomFor;
  }

  /** What has gone by so far. */
  get part(): ObservedPart {
    return {
      start: Buffer.concat(this.#kept),
      length: this.#seen,
      complete: this.#complete,
    };
  }

  override write(chunk: Buffer): boolean {
    this.#seen += chunk.length;
    if (this.#room > 0) this.#keep(chunk.subarray(0, this.#room));
    return super.write(chunk);
  }

  override end(trailers?: readonly string[]): void {
    this.#complete = true;
    super.end(trailers);
  }

  #keep(part: Buffer): void {
    if (this.#hasRoomFor(part.length)) {
      this.#room -= part.length;
      this.#kept.push(Buffer.from(part));
    } else this.#room = 0;
  }
}

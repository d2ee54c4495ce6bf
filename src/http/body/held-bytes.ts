import { Buffer } from 'node:buffer';
import { own } from '../http1/read-buffer.ts';

/** Parts up to this size are put together: the objects around each would weigh as much. */
const smallPart = 4 << 10;
/** What small parts are put together in, bytes. */
const firstBlock = 1 << 10;
const largestBlock = 16 << 10;

/** Bytes of a body that nobody has taken yet, in order. */
export class HeldBytes {
  readonly #parts: Buffer[] = [];
  /** Where small parts are put, after `#parts`. */
  #block: Buffer | null = null;
  #used = 0;

  get isEmpty(): boolean {
    return this.#parts.length === 0 && this.#block === null;
  }

  /** Keeps a part, which may be lent. */
  push(part: Buffer): void {
    if (part.length > smallPart) {
      this.#seal();
      this.#parts.push(own(part));
      return;
    }
    if (this.#block !== null && this.#used + part.length > this.#block.length) this.#seal();
    if (this.#block === null) {
      const before = this.#parts.at(-1)?.length ?? 0;
      const size = Math.min(largestBlock, Math.max(firstBlock, 2 * before));
      this.#block = Buffer.allocUnsafe(Math.max(size, part.length));
    }
    part.copy(this.#block, this.#used);
    this.#used += part.length;
  }

  /** Takes the first part out; undefined when there is none. */
  shift(): Buffer | undefined {
    if (this.#parts.length === 0) this.#seal();
    return this.#parts.shift();
  }

  clear(): void {
    this.#parts.length = 0;
    this.#block = null;
    this.#used = 0;
  }

  #seal(): void {
    if (this.#block === null) return;
    this.#parts.push(this.#block.subarray(0, this.#used));
    this.#block = null;
    this.#used = 0;
  }
}

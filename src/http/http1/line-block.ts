import { Buffer } from 'node:buffer';
import { HeadError } from './response-head-full.ts';

const blockEnd = Buffer.from('\r\n\r\n');
const lf = 0x0a;
const cr = 0x0d;

/**
 * Lines up to the empty one that ends them: a head, or trailers. They are read where they lie when one
 * read brings them all; else what came before is kept.
 */
export class LineBlock {
  readonly #maxBytes: number;
  /** How the block begins, as far as earlier reads brought it. */
  #held: Buffer | null = null;
  /** The block that `find` has put together from several reads. */
  #joined: Buffer | null = null;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of an unfinished block; null when it begins with the next byte. */
  get held(): Buffer | null {
    return this.#held;
  }

  clear(): void {
    this.#held = null;
    this.#joined = null;
  }

  /**
   * Index after the empty line, in terms of `buffer`; -1, with the bytes kept, when it is not there.
   * @throws HeadError for a block that is too large, or a line without CR
   */
  find(buffer: Buffer, from: number, end: number): number {
    const held = this.#held;
    const before = held?.length ?? 0;
    const bytes = held === null ? buffer : Buffer.concat([held, buffer.subarray(from, end)]);
    const begin = held === null ? from : 0;
    const to = held === null ? end : bytes.length;
    const index = bytes.indexOf(blockEnd, Math.max(begin, begin + before - 3));
    const found = index >= 0 && index + 4 <= to;
    this.#checkSize((found ? index + 4 : to) - begin);
    if (!found) {
      this.#hold(bytes.subarray(begin, to), before);
      return -1;
    }
    this.#joined = held === null ? null : bytes;
    return held === null ? index + 4 : from + index + 4 - before;
  }

  /** The block that `find` has found to end at `to`, without its empty line. */
  take(buffer: Buffer, from: number, to: number): string {
    const joined = this.#joined;
    this.clear();
    if (joined === null) return buffer.toString('latin1', from, to - 2);
    return joined.toString('latin1', 0, joined.indexOf(blockEnd) + 2);
  }

  #hold(bytes: Buffer, checked: number): void {
    for (let i = bytes.indexOf(lf, checked); i >= 0; i = bytes.indexOf(lf, i + 1)) {
      if (i === 0 || bytes[i - 1] !== cr) throw new HeadError('a line that ends without CR');
    }
    this.#held = Buffer.from(bytes);
  }

  #checkSize(bytes: number): void {
    if (bytes > this.#maxBytes) throw new HeadError('a head that is too large');
  }
}

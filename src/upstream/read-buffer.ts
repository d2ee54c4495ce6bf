import { countBodyBytes } from '../context/body-garbage.ts';

const size = 65_536;
/** Every connection reads into this one, since what it brings is handled before the next read. */
const shared = Buffer.allocUnsafeSlow(size);
/** Smaller parts are copied, so that they do not keep a whole buffer alive. */
const copiedPart = 16_384;

/** Where a connection reads to, and who owns what it has read. */
export class ReadBuffer {
  #current = shared;
  /** A part was handed on: the buffer must not be read into again. */
  #taken = false;

  /** The buffer for the next read. Who streams a body (`streaming`) gets buffers of its own. */
  next(streaming: boolean): Buffer {
    if (!streaming) this.#current = shared;
    else if (this.#taken || this.#current === shared) {
      countBodyBytes(size);
      this.#current = Buffer.allocUnsafeSlow(size);
    }
    this.#taken = false;
    return this.#current;
  }

  /** The part of what was read, to keep: large parts of an own buffer are handed on as they are. */
  keep(buffer: Buffer, start: number, end: number): Buffer {
    const part = buffer.subarray(start, end);
    if (buffer === shared || part.length < copiedPart) return Buffer.from(part);
    this.#taken = true;
    return part;
  }
}

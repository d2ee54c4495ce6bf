import type { Buffer } from 'node:buffer';
import { LineBlock } from './line-block.ts';
import { isTokenByte } from './scanner.ts';
import { HeadError, parseFields } from './response-head-full.ts';

/** Bytes of chunk extensions that one body may have. */
const maxExtensionBytes = 16_384;
/** Digits that a chunk's size may have: more could not be counted exactly. */
const maxSizeDigits = 12;
/** Data up to this size is moved to what lies before it, so that small chunks are passed on as one. */
const movedBytes = 4 << 10;

const State = { size: 0, extension: 1, sizeEnd: 2, data: 3, dataEnd: 4, dataEndLf: 5, trailers: 6 };

/** `;name`, `;name=value`, `;name="quoted value"`, any number of them. */
const Extension = {
  begin: 0,
  nameStart: 1,
  name: 2,
  valueStart: 3,
  value: 4,
  quoted: 5,
  escaped: 6,
  end: 7,
};

const cr = 0x0d;
const lf = 0x0a;

/** Reads chunked bodies, one after the other, of requests and of responses. */
export class ChunkDecoder {
  /** Whether the body has come to its end. */
  complete = false;
  /** Fields that came after it. */
  trailers: string[] | undefined = undefined;
  /** Where in the buffer the data lies that the last `decode` has found. */
  dataStart = 0;
  dataEnd = 0;
  readonly #block: LineBlock;
  #state = State.size;
  /** Bytes left of the chunk. */
  #left = 0;
  #sizeDigits = 0;
  #extensionBytes = 0;
  /** Bytes of unfinished trailers that are lines. */
  #checkedTrailers = 0;
  /** Where in an extension it is, see `Extension`. */
  #extension = Extension.begin;

  constructor(maxTrailerBytes: number) {
    this.#block = new LineBlock(maxTrailerBytes);
  }

  /** Expects a new body. */
  begin(): void {
    this.complete = false;
    this.trailers = undefined;
    this.#extensionBytes = 0;
    this.#checkedTrailers = 0;
    this.#block.clear();
    this.#startChunk();
  }

  /**
   * Takes bytes, of which it may move data towards `from`. Returns the index after what was taken: it
   * is to be called again until that is `end`, or the body is complete.
   * @throws HeadError when the body is malformed
   */
  decode(buffer: Buffer, from: number, end: number): number {
    let at = from;
    this.dataStart = this.dataEnd = from;
    while (at < end && !this.complete) {
      switch (this.#state) {
        case State.size:
          at = this.#takeSize(buffer, at, end);
          break;
        case State.extension:
          at = this.#takeExtension(buffer, at, end);
          break;
        case State.sizeEnd:
          if (buffer[at++] !== lf) throw new HeadError('an illegal chunk size');
          this.#state = State.data;
          break;
        case State.data: {
          const to = Math.min(end, at + this.#left);
          if (!this.#addData(buffer, at, to)) return at;
          this.#left -= to - at;
          at = to;
          if (this.#left === 0) this.#state = State.dataEnd;
          break;
        }
        case State.dataEnd:
          if (buffer[at++] !== cr) throw new HeadError('a chunk longer than its size');
          this.#state = State.dataEndLf;
          break;
        case State.dataEndLf:
          if (buffer[at++] !== lf) throw new HeadError('a chunk longer than its size');
          this.#startChunk();
          break;
        default:
          at = this.#takeTrailers(buffer, at, end);
      }
    }
    return at;
  }

  /** Adds to the data found; false when that has to be taken first. */
  #addData(buffer: Buffer, from: number, to: number): boolean {
    if (this.dataStart === this.dataEnd) {
      this.dataStart = from;
      this.dataEnd = to;
      return true;
    }
    if (to - from > movedBytes) return false;
    buffer.copyWithin(this.dataEnd, from, to);
    this.dataEnd += to - from;
    return true;
  }

  #startChunk(): void {
    this.#state = State.size;
    this.#left = 0;
    this.#sizeDigits = 0;
  }

  #takeSize(buffer: Buffer, from: number, end: number): number {
    let at = from;
    for (; at < end; at++) {
      const digit = hexDigit(buffer[at] as number);
      if (digit < 0) break;
      if (++this.#sizeDigits > maxSizeDigits) throw new HeadError('an illegal chunk size');
      this.#left = this.#left * 16 + digit;
    }
    if (at === end) return at;
    const byte = buffer[at];
    if (this.#sizeDigits === 0) throw new HeadError('an illegal chunk size');
    if (byte === cr) return this.#endSize(at);
    if (byte !== 0x3b) throw new HeadError('an illegal chunk size');
    this.#state = State.extension;
    this.#extension = Extension.begin;
    return at;
  }

  #takeExtension(buffer: Buffer, from: number, end: number): number {
    let at = from;
    for (; at < end; at++) {
      const byte = buffer[at] as number;
      if (byte === cr) break;
      this.#extension = afterByte(this.#extension, byte);
      if (this.#extension < 0) throw new HeadError('an illegal chunk extension');
    }
    this.#extensionBytes += at - from;
    if (this.#extensionBytes > maxExtensionBytes) throw new HeadError('too many chunk extensions');
    if (at === end) return at;
    if (!isComplete(this.#extension)) throw new HeadError('an illegal chunk extension');
    return this.#endSize(at);
  }

  /** At the CR after a chunk's size. That of the last chunk is the trailers' beginning. */
  #endSize(at: number): number {
    if (this.#left === 0) {
      this.#state = State.trailers;
      return at;
    }
    this.#state = State.sizeEnd;
    return at + 1;
  }

  #takeTrailers(buffer: Buffer, from: number, end: number): number {
    const found = this.#block.find(buffer, from, end);
    if (found < 0) {
      this.#checkTrailers(this.#block.held as Buffer);
      return end;
    }
    const text = this.#block.take(buffer, from, found);
    if (!text.startsWith('\r\n')) throw new HeadError('an illegal chunk size');
    if (text.length > 2) this.trailers = parseFields(text, 2);
    this.complete = true;
    return found;
  }

  /** Finds at once that unfinished trailers are malformed: each of their lines is looked at as it comes. */
  #checkTrailers(held: Buffer): void {
    if (held.length > 1 && held[1] !== lf) throw new HeadError('an illegal chunk size');
    const end = held.lastIndexOf(lf) + 1;
    const begin = Math.max(2, this.#checkedTrailers);
    if (end <= begin) return;
    parseFields(held.toString('latin1', begin, end), 0);
    this.#checkedTrailers = end;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function isComplete(extension: number): boolean {
  const { name, value, end } = Extension;
  return extension === name || extension === value || extension === end;
}

/** Where in an extension it is after another byte; -1 when that may not be there. */
function afterByte(extension: number, byte: number): number {
  switch (extension) {
    case Extension.quoted:
      if (byte === 0x22) return Extension.end;
      if (byte === 0x5c) return Extension.escaped;
      return isInQuotes(byte) ? Extension.quoted : -1;
    case Extension.escaped:
      return isInQuotes(byte) ? Extension.quoted : -1;
    case Extension.valueStart:
      if (byte === 0x22) return Extension.quoted;
      return isTokenByte(byte) ? Extension.value : -1;
    case Extension.nameStart:
      return isTokenByte(byte) ? Extension.name : -1;
    default:
      if (byte === 0x3b) return Extension.nameStart;
      if (extension === Extension.name && byte === 0x3d) return Extension.valueStart;
      if (extension !== Extension.name && extension !== Extension.value) return -1;
      return isTokenByte(byte) ? extension : -1;
  }
}

function isInQuotes(byte: number): boolean {
  return byte >= 0x20 ? byte !== 0x7f : byte === 0x09;
}

import { Buffer } from 'node:buffer';
import { FieldSection } from './field-section.ts';
import type { FloodGuard } from './flood-guard.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import {
  ConnectionError,
  ErrorCode,
  Flag,
  largestStreamId,
  protocolError,
} from './frames/protocol.ts';

/** Puts blocks of fields together from HEADERS and CONTINUATIONs, and has them decoded. */
export class HeaderBlocks {
  readonly section = new FieldSection();
  id = 0;
  /** Whether HEADERS said that the stream ends. */
  isLast = false;
  /** Whether HEADERS named its own stream as the one that it depends on. */
  dependsOnItself = false;
  readonly #decoder = new HpackDecoder();
  readonly #maxSize: number;
  readonly #guard: FloodGuard;
  /** The fragments, while more are to come. */
  #fragments: Buffer[] | null = null;
  #size = 0;
  #bytes: Buffer = nothing;
  #from = 0;
  #to = 0;

  /** `maxSize`: bytes that a block may have on the wire. */
  constructor(maxSize: number, guard: FloodGuard) {
    this.#maxSize = maxSize;
    this.#guard = guard;
  }

  /** Whether a block has begun and not ended: no other frame may come. */
  get isOpen(): boolean {
    return this.#fragments !== null;
  }

  /** Takes HEADERS; true when the block is whole. @throws ConnectionError */
  begin(flags: number, id: number, bytes: Buffer, from: number, to: number): boolean {
    this.id = id;
    this.isLast = (flags & Flag.endStream) !== 0;
    this.dependsOnItself = false;
    let at = from;
    let end = to;
    if ((flags & Flag.padded) !== 0) end -= bytes[at++] as number;
    if ((flags & Flag.priority) !== 0) {
      if (end - at >= 5) {
        this.dependsOnItself = (bytes.readUInt32BE(at) & largestStreamId) === id;
      }
      at += 5;
    }
    if (at > end) throw protocolError('HEADERS with more padding than payload');
    if ((flags & Flag.endHeaders) !== 0) {
      this.#bytes = bytes;
      this.#from = at;
      this.#to = end;
      return true;
    }
    this.#fragments = [Buffer.from(bytes.subarray(at, end))];
    this.#size = end - at;
    return false;
  }

  /** Takes CONTINUATION; true when the block is whole. @throws ConnectionError */
  goOn(flags: number, id: number, bytes: Buffer, from: number, to: number): boolean {
    const fragments = this.#fragments;
    if (fragments === null || id !== this.id) throw protocolError('CONTINUATION out of place');
    this.#guard.countFrame();
    this.#size += to - from;
    const isWhole = (flags & Flag.endHeaders) !== 0;
    // Most of a flood is empty, or without an end.
    if (this.#size > this.#maxSize || fragments.length > 64 || (from === to && !isWhole)) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'a block of fields that is too large');
    }
    fragments.push(Buffer.from(bytes.subarray(from, to)));
    if (!isWhole) return false;
    this.#fragments = null;
    this.#bytes = Buffer.concat(fragments);
    this.#from = 0;
    this.#to = this.#size;
    return true;
  }

  /** Decodes the block into `section`, which has begun. @throws ConnectionError */
  decode(): void {
    const bytes = this.#bytes;
    this.#bytes = nothing;
    this.#decoder.decode(bytes, this.#from, this.#to, this.section);
  }
}

const nothing = Buffer.alloc(0);

import { Buffer } from 'node:buffer';
import type { OnReadOpts } from 'node:net';
import type { BodySink } from '../body/body.ts';
import { countBodyBytes } from '../../runtime/external-memory.ts';
import { readInto } from '../../runtime/sockets/kept-buffer.ts';

/** Bytes that one read brings at most. */
export const readSize = 128 << 10;
/** Parts up to this size are copied by whoever keeps them: they must not keep a whole buffer. */
export const smallPart = 16 << 10;
/** Parts up to this size are less than the objects around them, of which V8 keeps count itself. */
const tinyPart = 2 << 10;
/** Buffers that wait for the next one who streams. */
const maxSpare = 16;

/** Every connection reads into this one, as long as no body streams on it. */
const shared: Buffer = Buffer.allocUnsafeSlow(readSize);
const sharedMemory = shared.buffer;
const spare: Buffer[] = [];
/** Memory of buffers that their readers will read into again. */
const readAgain = new WeakSet<ArrayBufferLike>();

/**
 * Where a connection reads to. What a read brings is lent: it is there until the call that brings it
 * returns, and whoever needs it for longer takes what `own` gives. That way most bytes pass without
 * a copy, and without memory of their own.
 */
export class ReadBuffer {
  /**
   * Whether a body streams in: it then has a buffer to itself, which can be given away. Not while the
   * body is paused: clients that wait for long must not hold memory that nothing is read into.
   */
  streaming = false;
  #current = shared;

  /** The buffer for the next read. */
  next(): Buffer {
    const current = this.#current;
    if (current !== shared && (!this.streaming || !readAgain.has(current.buffer))) this.release();
    if (this.streaming && this.#current === shared) this.#current = takeSpare();
    return this.#current;
  }

  /** The option by which a socket reads here. False from `take` pauses it. */
  onread(take: (buffer: Buffer, count: number) => boolean): OnReadOpts {
    return readInto(() => this.next(), take);
  }

  /** Nothing more is read. */
  release(): void {
    const current = this.#current;
    this.#current = shared;
    if (current === shared || !readAgain.has(current.buffer)) return;
    if (spare.length < maxSpare) spare.push(current);
  }
}

/** What was read, to keep: itself if it is not lent, or is large and can be given away. */
export function own(chunk: Buffer): Buffer {
  const memory = chunk.buffer;
  if (memory !== sharedMemory && !readAgain.has(memory)) return chunk;
  if (memory === sharedMemory || chunk.length <= smallPart) {
    if (chunk.length > tinyPart) countBodyBytes(chunk.length);
    return Buffer.from(chunk);
  }
  readAgain.delete(memory);
  return chunk;
}

/**
 * The part of `buffer`, which may be lent, from `start` to `end`. A tiny one is copied at once: that
 * takes less than a view first and the copy of it later.
 */
export function partOf(buffer: Buffer, start: number, end: number): Buffer {
  if (end - start > tinyPart) return buffer.subarray(start, end);
  const kept = Buffer.allocUnsafe(end - start);
  buffer.copy(kept, 0, start, end);
  return kept;
}

/** What `partOf` gave, to keep. */
export function ownPart(part: Buffer): Buffer {
  // To ask a tiny one whose its memory is would cost more than its copy did.
  return part.length > tinyPart ? own(part) : part;
}

/** Passes bytes on that may be lent. */
export function lend(sink: BodySink, chunk: Buffer): boolean {
  return sink.write(sink.takesLent === true ? chunk : own(chunk));
}

/** Whether the bytes are certain to be overwritten by the next read, of any connection. */
export function isFleeting(chunk: Buffer): boolean {
  return chunk.buffer === sharedMemory;
}

function takeSpare(): Buffer {
  for (let kept = spare.pop(); kept !== undefined; kept = spare.pop()) {
    // One released within the call that brought its last bytes may have been given away after all.
    if (readAgain.has(kept.buffer)) return kept;
  }
  countBodyBytes(readSize);
  const buffer = Buffer.allocUnsafeSlow(readSize);
  readAgain.add(buffer.buffer);
  return buffer;
}

import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { SocketWriter } from '../../http1/socket-writer.ts';
import { writeReusable } from '../../../runtime/sockets/reusable-write.ts';
import { Flag, FrameType, frameHeadSize, maxFramePayload } from './protocol.ts';
import { HpackEncoder } from '../hpack/encoder.ts';

/** Most turns of the event loop bring a connection less than this to write. */
const smallSize = 4 << 10;
/** What is gathered before it is written all the same: four frames of the usual size. */
const largeSize = 4 * (maxFramePayload + frameHeadSize) + (1 << 10);
const mostSpare = 64;
const spareSmall: Buffer[] = [];
const spareLarge: Buffer[] = [];
const nothing: Buffer = Buffer.alloc(0);

/** Writers that have something to write, or to see to, at the end of this turn. */
let due: FrameWriter[] = [];

/** Who writes frames. */
export interface FrameSource {
  /** Writes what may be written now, at the end of a turn; true when there is more to do. */
  fill(): boolean;
}

/**
 * Gathers the frames of a connection, and writes them with one call at the end of the turn of the
 * event loop. Frames lie in memory that is used again as soon as the system, or TLS, has taken them.
 */
export class FrameWriter {
  readonly encoder = new HpackEncoder();
  /** Counts the writes: a frame of the current one can still be changed. */
  epoch = 0;
  /** Where the head of the last frame begins. */
  lastFrame = 0;
  readonly #source: FrameSource;
  readonly #socket: Duplex;
  readonly #writer: SocketWriter;
  #bytes: Buffer = nothing;
  #at = 0;
  #isDue = false;
  #isReleased = false;
  /** A block that is too large for one frame. */
  #block: Buffer | null = null;

  constructor(socket: Duplex, source: FrameSource) {
    this.#socket = socket;
    this.#writer = new SocketWriter(socket);
    this.#source = source;
  }

  /** Whether whoever writes bodies should wait until `fill` is called. */
  get full(): boolean {
    return this.#at >= largeSize - maxFramePayload || this.#writer.full;
  }

  /** Whether the other side does not take what was written. */
  get isBlocked(): boolean {
    return this.#writer.full;
  }

  /** Whether something has not gone out. */
  get waiting(): boolean {
    return this.#at > 0 || this.#writer.waiting;
  }

  /** Has `fill` called at the end of this turn. */
  schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (due.length === 0) setImmediate(writeDue);
    due.push(this);
  }

  /** A frame's head; its payload of `length` bytes is to be written at the index that is answered. */
  #frame(type: number, flags: number, id: number, length: number): number {
    const at = this.#reserve(frameHeadSize + length);
    writeHead(this.#bytes, at, type, flags, id, length);
    this.lastFrame = at;
    this.#at = at + frameHeadSize + length;
    return at + frameHeadSize;
  }

  /** A frame whose payload is text of one character for each byte. */
  text(type: number, flags: number, id: number, payload: string): void {
    const at = this.#frame(type, flags, id, payload.length);
    if (payload !== '') this.#bytes.write(payload, at, 'latin1');
  }

  /** Text that is no frame: what a client begins with. */
  raw(text: string): void {
    const at = this.#reserve(text.length);
    this.#bytes.write(text, at, 'latin1');
    this.#at = at + text.length;
  }

  /** A frame whose payload is one or two numbers of 32 bits. */
  numbers(type: number, id: number, first: number, second = -1): void {
    const at = this.#frame(type, 0, id, second < 0 ? 4 : 8);
    writeUint32(this.#bytes, at, first);
    if (second >= 0) writeUint32(this.#bytes, at + 4, second);
  }

  /** A DATA frame with the bytes of `chunk` from `from` to `to`. */
  data(id: number, isLast: boolean, chunk: Buffer, from: number, to: number): void {
    const at = this.#frame(FrameType.data, isLast ? Flag.endStream : 0, id, to - from);
    if (to > from) chunk.copy(this.#bytes, at, from, to);
  }

  /** Begins a block of fields, which takes at most `room` bytes. */
  beginHeaders(room: number): HpackEncoder {
    const { encoder } = this;
    if (room > maxFramePayload) {
      this.#block = Buffer.allocUnsafe(room);
      encoder.begin(this.#block, 0);
    } else {
      this.#block = null;
      const at = this.#reserve(frameHeadSize + room);
      encoder.begin(this.#bytes, at + frameHeadSize);
    }
    return encoder;
  }

  /** Ends the block: it goes out as HEADERS, and CONTINUATIONs where it takes them. */
  endHeaders(id: number, isLast: boolean): void {
    const end = this.encoder.end();
    const flags = isLast ? Flag.endStream : 0;
    const block = this.#block;
    if (block !== null) {
      this.#block = null;
      this.#longBlock(id, flags, block, end);
      return;
    }
    const at = this.#at;
    const length = end - at - frameHeadSize;
    writeHead(this.#bytes, at, FrameType.headers, flags | Flag.endHeaders, id, length);
    this.lastFrame = at;
    this.#at = end;
  }

  #longBlock(id: number, flags: number, block: Buffer, end: number): void {
    for (let from = 0; from === 0 || from < end; from += maxFramePayload) {
      const to = Math.min(end, from + maxFramePayload);
      const type = from === 0 ? FrameType.headers : FrameType.continuation;
      const bits = (from === 0 ? flags : 0) | (to === end ? Flag.endHeaders : 0);
      const at = this.#frame(type, bits, id, to - from);
      block.copy(this.#bytes, at, from, to);
    }
    // END_STREAM would have to be set on the first of them, not on the last one.
    if (end > maxFramePayload) this.write();
  }

  /** Sets END_STREAM on the frame at `frame`, which has not been written yet. */
  endStream(frame: number): void {
    const at = frame + 4;
    this.#bytes[at] = (this.#bytes[at] as number) | Flag.endStream;
  }

  /** Writes what there is; false asks to wait for the socket's `drain`. */
  write(): boolean {
    const size = this.#at;
    if (size === 0) return !this.#writer.full;
    const bytes = this.#bytes;
    this.#at = 0;
    this.#bytes = nothing;
    this.epoch++;
    const isGone = this.#isReleased || this.#socket.destroyed;
    if (isGone || writeReusable(this.#socket, this.#writer, bytes.subarray(0, size)))
      giveBack(bytes);
    return !this.#writer.full;
  }

  /** The end of the turn, or a moment at which the socket takes more. */
  turnEnds(): void {
    // Whatever is written now needs no further turn.
    this.#isDue = true;
    const goesOn = !this.#socket.destroyed && this.#source.fill();
    this.write();
    this.#isDue = false;
    if (goesOn) this.schedule();
  }

  /** Nothing more is written. */
  release(): void {
    this.#isReleased = true;
    this.write();
  }

  /** Makes room for so many bytes, and answers where it begins. */
  #reserve(size: number): number {
    this.schedule();
    if (this.#at + size <= this.#bytes.length) return this.#at;
    if (this.#at + size > largeSize) this.write();
    if (this.#bytes.length === 0 && size <= smallSize) {
      this.#bytes = spareSmall.pop() ?? Buffer.allocUnsafeSlow(smallSize);
    } else if (this.#bytes.length < largeSize) {
      const larger = spareLarge.pop() ?? Buffer.allocUnsafeSlow(largeSize);
      this.#bytes.copy(larger, 0, 0, this.#at);
      if (this.#bytes !== nothing) giveBack(this.#bytes);
      this.#bytes = larger;
    }
    return this.#at;
  }
}

function writeDue(): void {
  const writers = due;
  due = [];
  for (const writer of writers) writer.turnEnds();
}

function giveBack(bytes: Buffer): void {
  const spare = bytes.length === smallSize ? spareSmall : spareLarge;
  if (spare.length < mostSpare) spare.push(bytes);
}

function writeHead(
  bytes: Buffer,
  at: number,
  type: number,
  flags: number,
  id: number,
  length: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  writeUint32(bytes, at + 5, id);
}

function writeUint32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

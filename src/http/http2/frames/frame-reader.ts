import { Buffer } from 'node:buffer';
import {
  ConnectionError,
  ErrorCode,
  Flag,
  FrameType,
  frameHeadSize,
  maxFramePayload,
  protocolError,
} from './protocol.ts';

/** Takes the frames of a connection. */
export interface FrameHandler {
  /** A DATA frame begins: `size` bytes of it count for flow control, padding included. */
  onDataBegin(id: number, size: number): void;
  /** A part of a DATA frame's bytes, which are lent. */
  onData(bytes: Buffer, from: number, to: number): void;
  /** The DATA frame is complete; `padding` bytes of it were none of the body's. */
  onDataEnd(isLast: boolean, padding: number): void;
  /** Any other frame, whole; its payload is lent. */
  onFrame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void;
}

/**
 * Cuts what is read into frames. Bytes of bodies are passed on where they lie, however little of their
 * frame has come; any other frame is kept until it is whole.
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #head = Buffer.alloc(frameHeadSize);
  #headSize = 0;
  #type = 0;
  #flags = 0;
  #id = 0;
  /** Bytes of the payload that have not come. */
  #left = -1;
  /** Bytes of padding at the end of a DATA frame; -1 while that is not known. */
  #padding = 0;
  /** All that is not the body's of a DATA frame. */
  #overhead = 0;
  /** The beginning of a payload that has not come whole. */
  #kept: Buffer | null = null;
  #keptSize = 0;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** Reads bytes, which are lent. @throws ConnectionError */
  read(bytes: Buffer, from: number, end: number): void {
    let at = from;
    while (at < end) {
      if (this.#left < 0) {
        at = this.#readHead(bytes, at, end);
        if (this.#left < 0 || at === end) continue;
      }
      at =
        this.#type === FrameType.data
          ? this.#readData(bytes, at, end)
          : this.#readWhole(bytes, at, end);
    }
  }

  #readHead(bytes: Buffer, from: number, end: number): number {
    const missing = frameHeadSize - this.#headSize;
    if (missing === frameHeadSize && end - from >= frameHeadSize) {
      this.#begin(bytes, from);
      return from + frameHeadSize;
    }
    const to = Math.min(end, from + missing);
    bytes.copy(this.#head, this.#headSize, from, to);
    this.#headSize += to - from;
    if (this.#headSize === frameHeadSize) {
      this.#headSize = 0;
      this.#begin(this.#head, 0);
    }
    return to;
  }

  #begin(head: Buffer, at: number): void {
    const length =
      ((head[at] as number) << 16) | ((head[at + 1] as number) << 8) | (head[at + 2] as number);
    const type = head[at + 3] as number;
    const flags = head[at + 4] as number;
    const id = head.readUInt32BE(at + 5) & 0x7f_ff_ff_ff;
    checkHead(type, flags, id, length);
    this.#type = type;
    this.#flags = flags;
    this.#id = id;
    this.#left = length;
    if (type !== FrameType.data) {
      if (length === 0) this.#finishFrame(head, 0, 0);
      return;
    }
    this.#handler.onDataBegin(id, length);
    this.#padding = (flags & Flag.padded) === 0 ? 0 : -1;
    this.#overhead = 0;
    if (length === 0) this.#finishData();
  }

  #readData(bytes: Buffer, from: number, end: number): number {
    let at = from;
    if (this.#padding < 0) {
      this.#padding = bytes[at++] as number;
      this.#left--;
      this.#overhead = this.#padding + 1;
      if (this.#padding > this.#left) throw protocolError('more padding than payload');
    }
    const toBody = Math.min(end, at + this.#left - this.#padding);
    if (toBody > at) {
      this.#left -= toBody - at;
      this.#handler.onData(bytes, at, toBody);
      at = toBody;
    }
    if (this.#left <= this.#padding) {
      const to = Math.min(end, at + this.#left);
      this.#left -= to - at;
      this.#padding = this.#left;
      at = to;
    }
    if (this.#left === 0) this.#finishData();
    return at;
  }

  #finishData(): void {
    this.#left = -1;
    this.#handler.onDataEnd((this.#flags & Flag.endStream) !== 0, this.#overhead);
  }

  #readWhole(bytes: Buffer, from: number, end: number): number {
    const to = Math.min(end, from + this.#left);
    if (this.#kept === null && to - from === this.#left) {
      this.#finishFrame(bytes, from, to);
      return to;
    }
    this.#kept ??= Buffer.allocUnsafe(this.#left);
    bytes.copy(this.#kept, this.#keptSize, from, to);
    this.#keptSize += to - from;
    this.#left -= to - from;
    if (this.#left === 0) {
      const kept = this.#kept;
      this.#kept = null;
      this.#keptSize = 0;
      this.#finishFrame(kept, 0, kept.length);
    }
    return to;
  }

  #finishFrame(bytes: Buffer, from: number, to: number): void {
    this.#left = -1;
    this.#handler.onFrame(this.#type, this.#flags, this.#id, bytes, from, to);
  }
}

/** What a frame's head alone tells of it. @throws ConnectionError */
function checkHead(type: number, flags: number, id: number, length: number): void {
  if (length > maxFramePayload) throw sizeError();
  switch (type) {
    case FrameType.data:
    case FrameType.headers:
    case FrameType.continuation:
    case FrameType.priority:
    case FrameType.pushPromise:
      if (id === 0) throw protocolError('a frame of a stream on none');
      if ((flags & Flag.padded) !== 0 && length === 0 && type <= FrameType.headers)
        throw sizeError();
      break;
    case FrameType.rstStream:
      if (id === 0) throw protocolError('a frame of a stream on none');
      if (length !== 4) throw sizeError();
      break;
    case FrameType.windowUpdate:
      if (length !== 4) throw sizeError();
      break;
    case FrameType.settings:
      if (id !== 0) throw protocolError('a frame of the connection on a stream');
      if ((flags & Flag.ack) === 0 ? length % 6 !== 0 : length !== 0) throw sizeError();
      break;
    case FrameType.ping:
    case FrameType.goaway:
      if (id !== 0) throw protocolError('a frame of the connection on a stream');
      if (type === FrameType.goaway ? length < 8 : length !== 8) throw sizeError();
      break;
    default:
  }
}

function sizeError(): ConnectionError {
  return new ConnectionError(ErrorCode.frameSizeError, 'a frame of an illegal size');
}

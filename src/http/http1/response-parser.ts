import {
  HeadError,
  maxHead,
  parseFields,
  parseHead,
  type ResponseHead,
} from './response-head-full.ts';
import { readPlainHead } from './response-head.ts';

/** Who is told what a parser finds; called from within `execute`. */
export interface ResponseListener {
  /** A 1xx response other than 101. */
  onInformation(head: ResponseHead): void;
  /** The head. `length` is -1 when the body's length is not known, 0 when there is no body. */
  onResponse(head: ResponseHead, hasBody: boolean, length: number): void;
  /** Body bytes; valid only during the call. */
  onData(buffer: Buffer, start: number, end: number): void;
  onTrailers(trailers: string[]): void;
}

/** Bytes of chunk extensions that one response may have. */
const maxExtensions = 16_384;
/** Interim responses that one request may get. */
const maxInterim = 64;

const State = {
  head: 0,
  /** Body of announced length, or a chunk's data. */
  data: 1,
  size: 2,
  extension: 3,
  sizeEnd: 4,
  dataEnd: 5,
  trailers: 6,
  untilEnd: 7,
  complete: 8,
} as const;

const blockEnd = Buffer.from('\r\n\r\n');
const cr = 0x0d;
const lf = 0x0a;

/**
 * A strict HTTP/1.1 response parser over raw buffers. It passes body bytes on where they lie, keeps
 * nothing but an unfinished head, and refuses whatever another reader could understand differently.
 */
export class ResponseParser {
  /** Whether the message has come to its end. */
  complete = true;
  /** Whether a byte of the response has arrived. */
  begun = false;
  /** Whether the connection may be used again after this response. */
  keepAlive = false;
  keepAliveTimeout = Infinity;
  /** Whether the node switched protocols: what follows the head is not HTTP. */
  switched = false;
  readonly #listener: ResponseListener;
  #state: number = State.complete;
  #headRequest = false;
  #upgrade = false;
  #chunked = false;
  /** Bytes left of the body or of the chunk. */
  #left = 0;
  #sizeDigits = 0;
  #extensions = 0;
  #interim = 0;
  /** Beginning of an unfinished head or trailer block. */
  #held: Buffer | null = null;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
  }

  /** Expects the response to a new request. */
  begin(method: string, upgrade: boolean): void {
    this.#headRequest = method === 'HEAD';
    this.#upgrade = upgrade;
    this.#state = State.head;
    this.#held = null;
    this.#extensions = 0;
    this.#interim = 0;
    this.complete = false;
    this.begun = false;
    this.switched = false;
  }

  /**
   * Takes bytes; returns the index after the last one that belongs to the message.
   * @throws HeadError when the response is malformed
   */
  execute(buffer: Buffer, from: number, end: number): number {
    let at = from;
    if (at < end) this.begun = true;
    while (at < end && !this.complete) {
      switch (this.#state) {
        case State.head:
          at = this.#takeHead(buffer, at, end);
          break;
        case State.data:
          at = this.#takeData(buffer, at, end);
          break;
        case State.size:
          at = this.#takeSize(buffer, at, end);
          break;
        case State.extension:
          at = this.#takeExtension(buffer, at, end);
          break;
        case State.sizeEnd:
          at = this.#takeSizeEnd(buffer, at);
          break;
        case State.dataEnd:
          at = this.#takeDataEnd(buffer, at);
          break;
        case State.trailers:
          at = this.#takeTrailers(buffer, at, end);
          break;
        default:
          this.#listener.onData(buffer, at, end);
          at = end;
      }
    }
    return at;
  }

  /** The connection ended; answers whether the message is complete by that. */
  finish(): boolean {
    if (this.#state === State.untilEnd) this.#finishMessage();
    return this.complete;
  }

  #takeHead(buffer: Buffer, from: number, end: number): number {
    const plain = this.#held === null ? readPlainHead(buffer, from, end) : null;
    if (plain !== null) {
      this.#startMessage(plain);
      return plain.end;
    }
    const found = this.#find(buffer, from, end);
    if (found < 0) return end;
    const head = parseHead(this.#text(buffer, from, found - 2));
    this.#startMessage(head);
    return found;
  }

  #startMessage(head: ResponseHead): void {
    const { status } = head;
    if (status === 101) {
      if (!this.#upgrade) throw new HeadError('switched protocols without being asked');
      this.switched = true;
      this.keepAlive = false;
      this.#listener.onInformation(head);
      this.#finishMessage();
      return;
    }
    if (status < 200) {
      if (head.chunked || head.length > 0) throw new HeadError('an interim response with a body');
      if (++this.#interim > maxInterim) throw new HeadError('too many interim responses');
      this.#listener.onInformation(head);
      return;
    }
    const bare = this.#headRequest || status === 204 || status === 304;
    const length = bare ? 0 : head.chunked ? -1 : head.length;
    // A body announced where none may be: whatever follows cannot be told from the next response.
    const misplaced = status === 204 && (head.chunked || head.length > 0);
    this.keepAlive = head.keepAlive && !misplaced && (bare || head.chunked || length >= 0);
    this.keepAliveTimeout = head.keepAliveTimeout;
    this.#chunked = head.chunked;
    this.#listener.onResponse(head, length !== 0, length);
    if (length === 0) {
      this.#finishMessage();
    } else if (head.chunked) {
      this.#startChunk();
    } else {
      this.#state = length < 0 ? State.untilEnd : State.data;
      this.#left = length;
    }
  }

  #startChunk(): void {
    this.#state = State.size;
    this.#left = 0;
    this.#sizeDigits = 0;
  }

  #takeData(buffer: Buffer, from: number, end: number): number {
    const to = Math.min(end, from + this.#left);
    this.#left -= to - from;
    this.#listener.onData(buffer, from, to);
    if (this.#left === 0) {
      if (this.#chunked) this.#state = State.dataEnd;
      else this.#finishMessage();
    }
    return to;
  }

  #takeSize(buffer: Buffer, from: number, end: number): number {
    let at = from;
    for (; at < end; at++) {
      const digit = hexDigit(buffer[at] as number);
      if (digit < 0) break;
      if (++this.#sizeDigits > 12) throw new HeadError('an illegal chunk size');
      this.#left = this.#left * 16 + digit;
    }
    if (at === end) return at;
    const byte = buffer[at];
    if (this.#sizeDigits === 0) throw new HeadError('an illegal chunk size');
    if (byte === cr) return this.#endSize(at);
    if (byte !== 0x3b) throw new HeadError('an illegal chunk size');
    this.#state = State.extension;
    return at;
  }

  #takeExtension(buffer: Buffer, from: number, end: number): number {
    let at = from;
    for (; at < end && buffer[at] !== cr; at++) {
      const byte = buffer[at] as number;
      if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) {
        throw new HeadError('an illegal chunk extension');
      }
    }
    this.#extensions += at - from;
    if (this.#extensions > maxExtensions) throw new HeadError('too many chunk extensions');
    return at === end ? at : this.#endSize(at);
  }

  /** At the CR behind a chunk's size. That of the last chunk is the trailers' beginning. */
  #endSize(at: number): number {
    if (this.#left === 0) {
      this.#state = State.trailers;
      return at;
    }
    this.#state = State.sizeEnd;
    return at + 1;
  }

  #takeSizeEnd(buffer: Buffer, at: number): number {
    if (buffer[at] !== lf) throw new HeadError('an illegal chunk size');
    this.#state = State.data;
    return at + 1;
  }

  #takeDataEnd(buffer: Buffer, at: number): number {
    // `#sizeDigits` counts the bytes of the CRLF: it is free until the next size.
    if (this.#sizeDigits !== -1) {
      if (buffer[at] !== cr) throw new HeadError('a chunk longer than its size');
      this.#sizeDigits = -1;
      return at + 1;
    }
    if (buffer[at] !== lf) throw new HeadError('a chunk longer than its size');
    this.#startChunk();
    return at + 1;
  }

  #takeTrailers(buffer: Buffer, from: number, end: number): number {
    const found = this.#find(buffer, from, end);
    if (found < 0) return end;
    const text = this.#text(buffer, from, found - 2);
    if (!text.startsWith('\r\n')) throw new HeadError('an illegal chunk size');
    if (text.length > 2) this.#listener.onTrailers(parseFields(text, 2));
    this.#finishMessage();
    return found;
  }

  #finishMessage(): void {
    this.#state = State.complete;
    this.complete = true;
  }

  /** Index after the empty line that ends a block; -1, with the bytes kept, when it is not there. */
  #find(buffer: Buffer, from: number, end: number): number {
    const held = this.#held;
    if (held === null) {
      const index = buffer.indexOf(blockEnd, from);
      if (index >= 0 && index + 4 <= end) return this.#withinLimit(index + 4, index + 4 - from);
      this.#hold(buffer.subarray(from, end));
      return -1;
    }
    const before = held.length;
    const joined = Buffer.concat([held, buffer.subarray(from, end)]);
    const index = joined.indexOf(blockEnd, Math.max(0, before - 3));
    if (index < 0) {
      this.#hold(joined);
      return -1;
    }
    this.#held = joined;
    return this.#withinLimit(from + index + 4 - before, index + 4);
  }

  #withinLimit(index: number, size: number): number {
    if (size > maxHead) throw new HeadError('a head that is too large');
    return index;
  }

  /** Keeps an unfinished block, unless it can be told already that it is none. */
  #hold(bytes: Buffer): void {
    this.#withinLimit(0, bytes.length);
    for (let i = bytes.indexOf(lf); i >= 0; i = bytes.indexOf(lf, i + 1)) {
      if (i === 0 || bytes[i - 1] !== cr) throw new HeadError('a line that ends without CR');
    }
    if (this.#state === State.head && !'HTTP/1.'.startsWith(bytes.toString('latin1', 0, 7))) {
      throw new HeadError('an illegal status line');
    }
    this.#held = Buffer.from(bytes);
  }

  /** The block from `from` to `to`, both in terms of `buffer`, with what is held before it. */
  #text(buffer: Buffer, from: number, to: number): string {
    const held = this.#held;
    if (held === null) return buffer.toString('latin1', from, to);
    this.#held = null;
    const end = held.indexOf(blockEnd);
    return held.toString('latin1', 0, end + 2);
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

import { ChunkDecoder } from './chunk-decoder.ts';
import { LineBlock } from './line-block.ts';
import { HeadError, maxHead, parseHead, type ResponseHead } from './response-head-full.ts';
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

/** Interim responses that one request may get. */
const maxInterim = 64;

const State = {
  head: 0,
  /** A body of announced length. */
  data: 1,
  chunks: 2,
  untilEnd: 3,
  complete: 4,
} as const;

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
  /** Bytes left of the body. */
  #left = 0;
  #interim = 0;
  readonly #block = new LineBlock(maxHead);
  /** Made for the first chunked body. */
  #chunks: ChunkDecoder | null = null;

  constructor(listener: ResponseListener) {
    this.#listener = listener;
  }

  /** Expects the response to a new request. */
  begin(method: string, upgrade: boolean): void {
    this.#headRequest = method === 'HEAD';
    this.#upgrade = upgrade;
    this.#state = State.head;
    this.#block.clear();
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
        case State.chunks:
          at = this.#takeChunks(buffer, at, end);
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
    const block = this.#block;
    const plain = block.held === null ? readPlainHead(buffer, from, end) : null;
    if (plain !== null) {
      this.#startMessage(plain);
      return plain.end;
    }
    const found = block.find(buffer, from, end);
    if (found < 0) {
      if (!'HTTP/1.'.startsWith(block.held?.toString('latin1', 0, 7) ?? '')) {
        throw new HeadError('an illegal status line');
      }
      return end;
    }
    this.#startMessage(parseHead(block.take(buffer, from, found)));
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
    this.#listener.onResponse(head, length !== 0, length);
    if (length === 0) {
      this.#finishMessage();
    } else if (head.chunked) {
      this.#chunks ??= new ChunkDecoder(maxHead);
      this.#chunks.begin();
      this.#state = State.chunks;
    } else {
      this.#state = length < 0 ? State.untilEnd : State.data;
      this.#left = length;
    }
  }

  #takeData(buffer: Buffer, from: number, end: number): number {
    const to = Math.min(end, from + this.#left);
    this.#left -= to - from;
    this.#listener.onData(buffer, from, to);
    if (this.#left === 0) this.#finishMessage();
    return to;
  }

  #takeChunks(buffer: Buffer, from: number, end: number): number {
    const chunks = this.#chunks as ChunkDecoder;
    const at = chunks.decode(buffer, from, end);
    const { dataStart, dataEnd, trailers } = chunks;
    if (dataEnd > dataStart) this.#listener.onData(buffer, dataStart, dataEnd);
    if (!chunks.complete) return at;
    if (trailers !== undefined) this.#listener.onTrailers(trailers);
    this.#finishMessage();
    return at;
  }

  #finishMessage(): void {
    this.#state = State.complete;
    this.complete = true;
  }
}

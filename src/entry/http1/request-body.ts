import type { BodySink, BodySource } from '../../http/body/body.ts';
import { ChunkDecoder } from '../../http/http1/chunk-decoder.ts';
import { lend, own } from '../../http/http1/read-buffer.ts';
import type { HeadLimits, ParsedHead } from '../../http/http1/request-head.ts';
import { HeadError } from '../../http/http1/response-head-full.ts';
import { trailerRefusal } from '../../http/headers/trailers.ts';
import { GatewayError } from '../../errors.ts';

/** The connection that a body arrives on. */
export interface BodyFlow {
  /** Whether the rest of the body will never come. */
  readonly gone: boolean;
  pause(): void;
  resume(): void;
  /** Tells the client to send the body. */
  askForBody(): void;
}

/** How long a body may be. */
export interface BodyLimits {
  readonly maxBodyBytes: number;
  /** For trailers. */
  readonly headLimits: HeadLimits;
}

/** The framing of a body, from its head. */
type BodyHead = Pick<ParsedHead, 'length' | 'expectsContinue'>;

/** A request's body, most of which has still to arrive or is too large to copy. */
export class RequestBody implements BodySource {
  readonly length: number | undefined;
  /** Whether all of it has arrived. */
  complete = false;
  /** Why nobody gets it: it turned out malformed or too large. */
  failure: Error | null = null;
  readonly #flow: BodyFlow;
  readonly #decoder: ChunkDecoder | null;
  readonly #maxBytes: number;
  readonly #maxTrailers: number;
  /** The client waits to be asked for it. */
  #unasked: boolean;
  /** Bytes that have arrived. */
  #received = 0;
  /** Parts that have arrived and were not read. */
  #held: Buffer | null = null;
  #sink: BodySink | null = null;
  #started = false;
  #unwanted = false;
  /** Whether the sink has asked to wait. */
  #blocked = false;
  /** Whether what was lent with the head has ended. */
  #kept = false;
  #trailers: readonly string[] | undefined = undefined;

  constructor(flow: BodyFlow, head: BodyHead, { maxBodyBytes, headLimits }: BodyLimits) {
    this.#flow = flow;
    this.length = head.length < 0 ? undefined : head.length;
    this.#decoder = head.length < 0 ? new ChunkDecoder(headLimits.maxBytes) : null;
    this.#unasked = head.expectsContinue;
    this.#maxBytes = maxBodyBytes;
    this.#maxTrailers = headLimits.maxFields;
    if (head.length > maxBodyBytes) this.fail(this.#tooLarge);
  }

  /** Whether somebody is taking the body. */
  get wanted(): boolean {
    return this.#sink !== null;
  }

  /** Bytes that have not arrived; Infinity when nobody knows. */
  get missing(): number {
    if (this.complete) return 0;
    // A client that was not asked may send its body or not.
    if (this.#unasked || this.length === undefined) return Infinity;
    return this.length - this.#received;
  }

  /** The bytes that came with the head were lent, which ends. */
  keep(): void {
    this.#kept = true;
    if (this.#held !== null) this.#held = own(this.#held);
  }

  /**
   * Takes what belongs to the body of the bytes from `from` to `end`, which may be lent; answers the
   * index after that.
   * @throws REQUEST_MALFORMED
   */
  receive(bytes: Buffer, from: number, end: number): number {
    const at =
      this.#decoder === null
        ? this.#receivePlain(bytes, from, end)
        : this.#receiveChunks(this.#decoder, bytes, from, end);
    this.#endIfAll();
    return at;
  }

  #receivePlain(bytes: Buffer, from: number, end: number): number {
    const at = Math.min(end, from + (this.length as number) - this.#received);
    this.complete = this.#received + at - from === this.length;
    this.#take(bytes, from, at);
    return at;
  }

  #receiveChunks(decoder: ChunkDecoder, bytes: Buffer, from: number, end: number): number {
    let at = from;
    try {
      while (at < end && !decoder.complete) {
        at = decoder.decode(bytes, at, end);
        const { dataStart, dataEnd } = decoder;
        if (dataEnd > dataStart) this.#take(bytes, dataStart, dataEnd);
      }
      const fields = (decoder.trailers?.length ?? 0) / 2;
      if (fields > this.#maxTrailers) throw new HeadError('too many trailers');
    } catch (error) {
      if (!(error instanceof HeadError)) throw error;
      throw new GatewayError('REQUEST_MALFORMED', { reason: error.message }, error);
    }
    this.complete = decoder.complete;
    this.#trailers = decoder.trailers;
    const refusal = this.#trailers === undefined ? null : trailerRefusal(this.#trailers);
    if (refusal !== null) this.fail(refusal);
    return at;
  }

  /** Whatever still comes is thrown away. */
  discard(): void {
    this.#sink = null;
    this.#held = null;
    this.#unwanted = true;
  }

  /** Fails the one who reads: the rest will not come, or is not to be read. */
  fail(error: Error): void {
    this.failure ??= error;
    const sink = this.#sink;
    this.discard();
    sink?.fail(error);
  }

  start(sink: BodySink): void {
    if (this.#started) throw new Error('a body is read only once');
    this.#started = true;
    if (this.#flow.gone && !this.complete) this.failure ??= new GatewayError('CLIENT_GONE');
    if (this.failure !== null) {
      sink.fail(this.failure);
      return;
    }
    this.#sink = sink;
    if (this.#unasked && this.#received === 0) this.#flow.askForBody();
    this.#unasked = false;
    this.resume();
  }

  resume(): void {
    this.#blocked = false;
    const held = this.#held;
    this.#held = null;
    if (this.#sink !== null && held !== null) this.#push(held);
    this.#endIfAll();
    if (this.#sink !== null && !this.#blocked && !this.complete) this.#flow.resume();
  }

  /** Nothing more is pushed; the connection's owner decides whether the rest is read. */
  cancel(_reason?: Error): void {
    this.#sink = null;
    if (!this.#unwanted) this.#pause();
  }

  get #tooLarge(): GatewayError {
    return new GatewayError('BODY_TOO_LARGE', { limit: this.#maxBytes });
  }

  #take(bytes: Buffer, from: number, to: number): void {
    this.#received += to - from;
    if (this.#received > this.#maxBytes) {
      this.fail(this.#tooLarge);
    }
    if (this.#unwanted || from === to) return;
    const part = from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to);
    if (this.#sink !== null && !this.#blocked) this.#push(part);
    else this.#hold(part);
  }

  /** Keeps a part that nobody takes now. */
  #hold(part: Buffer): void {
    if (this.#held !== null) this.#held = Buffer.concat([this.#held, part]);
    else this.#held = this.#kept ? own(part) : part;
    if (this.#kept) this.#pause();
  }

  #push(part: Buffer): void {
    if (lend(this.#sink as BodySink, part)) return;
    this.#blocked = true;
    this.#pause();
  }

  /** Lets the client wait; one that has sent everything is watched on, for it may go away. */
  #pause(): void {
    if (!this.complete) this.#flow.pause();
  }

  #endIfAll(): void {
    const sink = this.#sink;
    if (!this.complete || sink === null || this.#blocked || this.#held !== null) return;
    this.#sink = null;
    sink.end(this.#trailers);
  }
}

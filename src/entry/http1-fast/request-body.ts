import type { BodySink, BodySource } from '../../http/body/body.ts';
import { lend, own } from '../../http/http1/read-buffer.ts';
import { GatewayError } from '../../errors.ts';

/** Who reads the connection that a body arrives on. */
export interface BodyFlow {
  /** Whether the rest of the body will never come. */
  readonly gone: boolean;
  pause(): void;
  resume(): void;
}

/** A request's body of known length, most of which has still to arrive or is too large to copy. */
export class StrictBody implements BodySource {
  readonly length: number;
  readonly #flow: BodyFlow;
  /** Bytes that have not arrived. */
  #left: number;
  /** What has arrived, and nobody has taken. */
  #held: Buffer | null;
  #sink: BodySink | null = null;
  #started = false;
  #unwanted = false;

  /** `first`: what came with the head; it may be lent until `keep`. */
  constructor(flow: BodyFlow, length: number, first: Buffer | null) {
    this.#flow = flow;
    this.length = length;
    this.#held = first;
    this.#left = length - (first?.length ?? 0);
  }

  /** Whether somebody is taking the body. */
  get wanted(): boolean {
    return this.#sink !== null;
  }

  /** Whether all of it has arrived. */
  get complete(): boolean {
    return this.#left === 0;
  }

  /** Bytes that have not arrived. */
  get missing(): number {
    return this.#left;
  }

  /** What was lent to it ends. */
  keep(): void {
    if (this.#held !== null) this.#held = own(this.#held);
  }

  /** How many of `count` bytes to come belong to the body. */
  share(count: number): number {
    return Math.min(count, this.#left);
  }

  /** Takes bytes that belong to the body, and may be lent. */
  take(part: Buffer): void {
    this.#left -= part.length;
    if (this.#unwanted) return;
    if (this.#sink === null || this.#held !== null) {
      this.#held = this.#held === null ? own(part) : Buffer.concat([this.#held, part]);
      this.#flow.pause();
    } else this.#push(part);
  }

  /** Whatever still comes is thrown away. */
  discard(): void {
    this.#sink = null;
    this.#held = null;
    this.#unwanted = true;
  }

  /** Fails the one who reads: the rest will not come. */
  fail(error: Error): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.fail(error);
  }

  start(sink: BodySink): void {
    if (this.#started) throw new Error('a body is read only once');
    this.#started = true;
    if (this.#flow.gone && this.#left > 0) {
      sink.fail(new GatewayError('CLIENT_GONE'));
      return;
    }
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    const held = this.#held;
    this.#held = null;
    if (this.#sink === null) return;
    if (held !== null) this.#push(held);
    else if (this.#left === 0) this.#end();
    else this.#flow.resume();
  }

  /** Nothing more is pushed; the connection's owner decides whether the rest is read. */
  cancel(_reason?: Error): void {
    this.#sink = null;
    if (!this.#unwanted) this.#pause();
  }

  #push(part: Buffer): void {
    const room = this.#sink === null || lend(this.#sink, part);
    if (!room) this.#pause();
    else if (this.#left === 0) this.#end();
    else this.#flow.resume();
  }

  /** Lets the client wait; one that has sent everything is watched on, for it may go away. */
  #pause(): void {
    if (this.#left > 0) this.#flow.pause();
  }

  #end(): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.end();
  }
}

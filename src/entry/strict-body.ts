import type { BodySink, BodySource } from '../context/body.ts';
import { GatewayError } from '../errors.ts';

/** Who reads the connection that a body arrives on. */
export interface BodyFlow {
  /** Whether the rest of the body will never come. */
  readonly gone: boolean;
  pause(): void;
  resume(): void;
}

/** A request's body of known length that has not arrived as a whole with its head. */
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

  /** Bytes that nobody has taken. */
  get missing(): number {
    return this.#left + (this.#held?.length ?? 0);
  }

  /** How many of `count` bytes to come belong to the body. */
  share(count: number): number {
    return Math.min(count, this.#left);
  }

  /** Takes bytes that belong to the body; they are its own from now on. */
  take(part: Buffer): void {
    this.#left -= part.length;
    if (this.#unwanted) return;
    if (this.#sink === null || this.#held !== null) {
      this.#held = this.#held === null ? part : Buffer.concat([this.#held, part]);
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
    if (!this.#unwanted) this.#flow.pause();
  }

  #push(part: Buffer): void {
    const room = this.#sink?.write(part) !== false;
    if (!room) this.#flow.pause();
    else if (this.#left === 0) this.#end();
    else this.#flow.resume();
  }

  #end(): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.end();
  }
}

import { Buffer } from 'node:buffer';
import type { BodySink, BodySource } from '../../http/body/body.ts';
import { HeldBytes } from '../../http/body/held-bytes.ts';
import { lend, ownPart } from '../../http/http1/read-buffer.ts';

/** A response's body on its way from a node: keeps what nobody has taken yet, and how it ended. */
export abstract class ResponseBody implements BodySource {
  /** Bytes that it has, or undefined when that is not known beforehand. */
  length: number | undefined = undefined;
  /** Whether the exchange is over: all is told, or nobody wants to know more. */
  protected over = false;
  #sink: BodySink | null = null;
  /** What came with the head. */
  #waiting: Buffer[] = [];
  /** What came later. */
  readonly #held = new HeldBytes();
  #complete = false;
  #trailers: readonly string[] | undefined = undefined;
  #failure: Error | null = null;

  /** The node may go on sending. */
  protected abstract resumeResponse(): void;
  /** Gives the exchange up. */
  abstract abort(reason?: Error): void;

  /** Whether somebody reads it. */
  protected get isRead(): boolean {
    return this.#sink !== null;
  }

  /** Takes bytes, which may be lent; false when they wait, or whoever reads them asks to wait. */
  protected take(chunk: Buffer): boolean {
    if (this.#sink !== null && !this.#hasWaiting) return lend(this.#sink, chunk);
    this.#held.push(chunk);
    return false;
  }

  /** Keeps what `partOf` gave until somebody reads the body; it may be lent until `ownWaiting`. */
  protected keep(part: Buffer): void {
    this.#waiting.push(part);
  }

  /** What nobody has taken stays. */
  protected ownWaiting(): void {
    for (let i = 0; i < this.#waiting.length; i++) {
      this.#waiting[i] = ownPart(this.#waiting[i] as Buffer);
    }
  }

  /** What has come and nobody has taken, in one piece. */
  protected takeWaiting(): Buffer {
    const chunks = this.#waiting;
    this.#waiting = [];
    return chunks.length === 1 ? ownPart(chunks[0] as Buffer) : Buffer.concat(chunks);
  }

  /** All of it is here. */
  protected complete(trailers: readonly string[] | undefined): void {
    this.#complete = true;
    this.#trailers = trailers;
    if (this.#sink !== null && !this.#hasWaiting) this.#finish(this.#sink);
  }

  /** The rest will not come. */
  protected breakBody(error: Error): void {
    this.#failure = error;
    if (this.#sink !== null && !this.#hasWaiting) this.#finish(this.#sink);
  }

  /** Nothing of it is wanted. */
  protected drop(): void {
    this.over = true;
    this.#waiting = [];
    this.#held.clear();
  }

  get #hasWaiting(): boolean {
    return this.#waiting.length > 0 || !this.#held.isEmpty;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    const sink = this.#sink;
    if (sink === null || this.over) return;
    for (let part = this.#next(); part !== undefined; part = this.#next()) {
      if (!lend(sink, part)) return;
      if (this.over) return;
    }
    if (this.#complete || this.#failure !== null) this.#finish(sink);
    else this.resumeResponse();
  }

  #next(): Buffer | undefined {
    return this.#waiting.shift() ?? this.#held.shift();
  }

  cancel(reason?: Error): void {
    this.abort(reason);
  }

  #finish(sink: BodySink): void {
    this.over = true;
    if (this.#failure !== null) sink.fail(this.#failure);
    else sink.end(this.#trailers);
  }
}

import type { BodySink, BodySource } from './body.ts';
import type { InflightBytes } from './memory-budget.ts';
import { lend, own } from '../http1/read-buffer.ts';

/** Bytes of a body that are kept for another attempt, unless told otherwise. */
const keptByDefault = 65_536;

/**
 * A request body that can be sent more than once as long as it is small: what passes is kept, up to
 * a limit, and comes again for the next sink.
 */
export class ReplayBody implements BodySource, BodySink {
  readonly length: number | undefined;
  readonly takesLent = true;
  readonly #source: BodySource;
  #sink: BodySink | null = null;
  #started = false;
  #chunks: Buffer[] = [];
  #size = 0;
  #keeping = true;
  /** Chunks that the sink has been given. */
  #given = 0;
  #ended = false;
  #trailers: readonly string[] | undefined;
  #failure: Error | null = null;
  readonly #limit: number;
  /** Where kept bytes count; null when they do not. */
  readonly #room: InflightBytes | null;
  #held = 0;
  /** Set while the beginning is taken before there is a sink. */
  #gathering: { readonly bytes: number; readonly done: (error: Error | null) => void } | null =
    null;

  constructor(source: BodySource, limit = keptByDefault, room: InflightBytes | null = null) {
    this.#source = source;
    this.length = source.length;
    this.#limit = limit;
    this.#room = room;
  }

  /** Whether all of the body can be sent again. */
  get replayable(): boolean {
    return this.#keeping && this.#failure === null;
  }

  /** Whether anybody has asked for the body. */
  get started(): boolean {
    return this.#started;
  }

  /** Whether somebody reads the body, or has read all of it. */
  get isRead(): boolean {
    return this.#sink !== null || this.complete;
  }

  /** Whether all of the body has been passed on. */
  get complete(): boolean {
    return this.#ended && this.#given === this.#chunks.length;
  }

  /** Takes the body from its sink: the next one gets it from the beginning. */
  rewind(): void {
    this.#sink = null;
    this.#given = 0;
  }

  /** There will be no other attempt: nothing needs to be kept. */
  release(): void {
    this.#keeping = false;
    if (this.#held > 0) this.#room?.give(this.#held);
    this.#held = 0;
    this.#chunks.splice(0, this.#given);
    this.#given = 0;
  }

  /**
   * Takes the beginning of the body before there is anybody to send it to. `done` is called when so
   * many bytes have come, or all, or with what the body failed with; then it can be started.
   */
  gather(bytes: number, done: (error: Error | null) => void): void {
    this.#gathering = { bytes, done };
    this.#started = true;
    this.#source.start(this);
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    if (!this.#started) {
      this.#started = true;
      this.#source.start(this);
      return;
    }
    this.resume();
  }

  resume(): void {
    while (this.#given < this.#chunks.length) {
      const sink = this.#sink;
      if (sink === null) return;
      const chunk = this.#chunks[this.#given++] as Buffer;
      if (!this.#keeping) this.#chunks.splice(0, this.#given--);
      if (!sink.write(chunk)) return;
    }
    if (this.#ended || this.#failure !== null) this.#finish();
    else this.#source.resume();
  }

  cancel(reason?: Error): void {
    this.#sink = null;
    this.#gathering = null;
    this.#source.cancel(reason);
  }

  write(chunk: Buffer): boolean {
    this.#size += chunk.length;
    if (this.#keeping && !this.#hasRoomFor(chunk.length)) this.release();
    const behind = this.#given < this.#chunks.length;
    if (this.#sink === null || behind) {
      this.#chunks.push(own(chunk));
      if (this.#gathering === null) return false;
      if (this.#size < this.#gathering.bytes) return true;
      this.#gathered(null);
      return false;
    }
    if (!this.#keeping) return lend(this.#sink, chunk);
    const owned = own(chunk);
    this.#chunks.push(owned);
    this.#given++;
    return this.#sink.write(owned);
  }

  #hasRoomFor(bytes: number): boolean {
    if (this.#size > this.#limit) return false;
    if (this.#room === null) return true;
    if (!this.#room.take(bytes)) return false;
    this.#held += bytes;
    return true;
  }

  end(trailers?: readonly string[]): void {
    this.#ended = true;
    this.#trailers = trailers;
    if (this.#gathering !== null) this.#gathered(null);
    else if (this.#given === this.#chunks.length) this.#finish();
  }

  fail(error: Error): void {
    this.#failure = error;
    if (this.#gathering !== null) this.#gathered(error);
    else this.#finish();
  }

  #gathered(error: Error | null): void {
    const gathering = this.#gathering;
    this.#gathering = null;
    // A source that pushes all at once has to know first that it is to wait.
    queueMicrotask(() => gathering?.done(error));
  }

  #finish(): void {
    const sink = this.#sink;
    this.#sink = null;
    if (this.#failure !== null) sink?.fail(this.#failure);
    else sink?.end(this.#trailers);
  }
}

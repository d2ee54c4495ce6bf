import type { BodySink, BodySource } from './body.ts';
import type { InflightBytes } from './memory-budget.ts';
import { ReplayBody } from './replay.ts';

/**
 * A request body that several forwards may send, one after the other: what passes is kept, as far as
 * there is room for it, and the next one gets it from the beginning.
 */
export class KeptBody {
  readonly limit: number;
  readonly #body: ReplayBody;
  /** Who reads it now. */
  #reader: KeptBodyReader | null = null;

  constructor(source: BodySource, limit: number, room: InflightBytes | null) {
    this.limit = limit;
    this.#body = new ReplayBody(source, limit, room);
    if ((source.length ?? 0) > limit) this.#body.release();
  }

  /** Whether it can be read from the beginning. */
  get isWhole(): boolean {
    return this.#body.replayable || !this.#body.started;
  }

  /** The body from its beginning; whoever read it before gets no more. */
  open(): BodySource {
    this.#body.rewind();
    this.#reader = new KeptBodyReader(this, this.#body);
    return this.#reader;
  }

  isReadBy(reader: KeptBodyReader): boolean {
    return this.#reader === reader;
  }

  /** Nobody will read it again: what still arrives is not kept, and not wanted if nobody reads. */
  release(): void {
    this.#body.release();
    if (!this.#body.isRead) this.#body.cancel();
  }
}

class KeptBodyReader implements BodySource {
  readonly length: number | undefined;
  readonly #owner: KeptBody;
  readonly #body: ReplayBody;

  constructor(owner: KeptBody, body: ReplayBody) {
    this.#owner = owner;
    this.#body = body;
    this.length = body.length;
  }

  start(sink: BodySink): void {
    if (this.#owner.isReadBy(this)) this.#body.start(sink);
  }

  resume(): void {
    if (this.#owner.isReadBy(this)) this.#body.resume();
  }

  /** The rest is not wanted by this one, but may be by the next. */
  cancel(): void {
    if (this.#owner.isReadBy(this)) this.#body.rewind();
  }
}

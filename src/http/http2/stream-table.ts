import type { Stream } from './stream.ts';

/** Few connections have more streams than that at one time. */
const buckets = 32;
/** Streams that were reset here, of which frames may still be on their way. */
const rememberedResets = 256;

/**
 * The open streams of a connection, by id. No Map: streams come and go by the thousand, and a Map makes
 * itself a new table for every few dozen (see `DenseSet`).
 */
export class StreamTable {
  readonly #first: (Stream | null)[] = Array.from({ length: buckets }, () => null);
  readonly #resets: number[] = [];
  #nextReset = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Stream | null {
    let stream = this.#first[bucketOf(id)] as Stream | null;
    while (stream !== null && stream.id !== id) stream = stream.next;
    return stream;
  }

  add(stream: Stream): void {
    const bucket = bucketOf(stream.id);
    stream.next = this.#first[bucket] as Stream | null;
    this.#first[bucket] = stream;
    this.#size++;
  }

  delete(stream: Stream): void {
    const bucket = bucketOf(stream.id);
    let before: Stream | null = null;
    let at = this.#first[bucket] as Stream | null;
    for (; at !== null && at !== stream; at = at.next) before = at;
    if (at === null) return;
    if (before === null) this.#first[bucket] = stream.next;
    else before.next = stream.next;
    stream.next = null;
    this.#size--;
  }

  /** Frames of a stream that was reset here may still come. */
  rememberReset(id: number): void {
    this.#resets[this.#nextReset] = id;
    this.#nextReset = (this.#nextReset + 1) % rememberedResets;
  }

  wasReset(id: number): boolean {
    return this.#resets.includes(id);
  }

  /** All of them, as they are now. */
  all(): Stream[] {
    const streams: Stream[] = [];
    for (const first of this.#first) {
      for (let stream = first; stream !== null; stream = stream.next) streams.push(stream);
    }
    return streams;
  }
}

function bucketOf(id: number): number {
  return (id >>> 1) & (buckets - 1);
}

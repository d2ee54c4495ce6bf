import { collectGarbage } from '../../runtime/external-memory.ts';

/** So many bytes, once all are given back, are freed at once and not when V8 needs room; bytes. */
const largeAmount = 64 << 20;
/** How long nothing may be held before that, ms: others may come that use the same memory. */
const quietMs = 1000;

/**
 * Bytes that clients have a worker hold in memory, and how many there may be: bodies that are read,
 * those of requests and of responses, and what is made of them. An entry's part counts in the
 * worker's whole as well.
 */
export class InflightBytes {
  readonly limit: number;
  readonly #whole: InflightBytes | null;
  #held = 0;
  /** Taken since memory was freed last. */
  #taken = 0;

  /** `limit` 0: as many as there are. */
  constructor(limit: number, whole: InflightBytes | null = null) {
    this.limit = limit || Infinity;
    this.#whole = whole;
  }

  get held(): number {
    return this.#held;
  }

  /** False when there is no room for them. */
  take(count: number): boolean {
    if (this.#held + count > this.limit) return false;
    if (this.#whole !== null && !this.#whole.take(count)) return false;
    this.#held += count;
    this.#taken += count;
    return true;
  }

  give(count: number): void {
    this.#held -= count;
    if (this.#whole !== null) this.#whole.give(count);
    else if (this.#held === 0 && this.#taken >= largeAmount) this.#freeSoon();
  }

  #freeSoon(): void {
    this.#taken = 0;
    const free = (): void => {
      if (this.#held === 0) collectGarbage();
      else this.#taken = largeAmount;
    };
    setTimeout(free, quietMs).unref();
  }
}

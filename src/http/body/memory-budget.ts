/**
 * Bytes that clients have a worker hold in memory, and how many there may be: bodies that are read,
 * those of requests and of responses, and what is made of them. An entry's part counts in the
 * worker's whole as well.
 */
export class InflightBytes {
  readonly limit: number;
  readonly #whole: InflightBytes | null;
  #held = 0;

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
    return true;
  }

  give(count: number): void {
    this.#held -= count;
    this.#whole?.give(count);
  }
}

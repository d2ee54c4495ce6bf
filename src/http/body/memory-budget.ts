/** Bytes of request bodies in memory, and how many there may be. */
export class InflightBytes {
  readonly limit: number;
  #held = 0;

  /** `limit` 0: as many as there are. */
  constructor(limit: number) {
    this.limit = limit || Infinity;
  }

  get held(): number {
    return this.#held;
  }

  /** False when there is no room for them. */
  take(count: number): boolean {
    if (this.#held + count > this.limit) return false;
    this.#held += count;
    return true;
  }

  give(count: number): void {
    this.#held -= count;
  }
}

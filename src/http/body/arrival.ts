/** How a request's body arrives: whose turn it is, and how long the client has been silent. */
export class BodyArrival {
  /** Bytes so far. */
  received = 0;
  #awaited = false;
  #seen = 0;
  #since = Number.NaN;

  /** More is asked of the client from now on. */
  await(): void {
    if (this.#awaited) return;
    this.#awaited = true;
    this.#since = Number.NaN;
  }

  /** The client has to wait, or has sent everything: its silence means nothing. */
  hold(): void {
    this.#awaited = false;
  }

  /** For how long no look has found anything new, in the unit of `now`. */
  silence(now: number): number {
    if (!this.#awaited) return 0;
    if (this.received !== this.#seen || Number.isNaN(this.#since)) {
      this.#seen = this.received;
      this.#since = now;
    }
    return now - this.#since;
  }
}

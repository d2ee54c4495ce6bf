/** Retries that a cluster gets in advance, before requests have earned any. */
const inAdvance = 10;
/** What each request adds: in the long run, one retry for five requests. */
const earnedByRequest = 0.2;

/** Bounds a cluster's retries by its requests, so that a sick cluster is not stormed. */
export class RetryBudget {
  #left = inAdvance;

  earn(): void {
    if (this.#left < inAdvance) this.#left += earnedByRequest;
  }

  /** Takes one retry, if there is one. */
  spend(): boolean {
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}

/** Called once, when the request may go on, or has waited too long. */
type Waiter = (granted: boolean) => void;

/** Share of a second's worth that is asked for in advance. */
const ahead = 0.02;
/** Tokens not used for this long are given up: they were meant for that moment, ms. */
const lifetime = 500;
/** An answer that does not come within this time is asked for again, ms. */
const patience = 15_000;

interface Waiting {
  readonly cost: number;
  readonly waiter: Waiter;
  readonly timer: NodeJS.Timeout;
}

/**
 * This worker's part of what may be spent at one node in a second. The primary gives out the tokens,
 * so the limit holds over all workers; they come in batches, so that a request hardly ever asks.
 */
export class Quota {
  readonly #ask: (count: number) => void;
  readonly #batch: number;
  #free = 0;
  #grantedAt = 0;
  #askedAt = 0;
  #asked = false;
  readonly #waiting: Waiting[] = [];

  /** @param rate tokens a second, over all workers */
  constructor(rate: number, ask: (count: number) => void) {
    this.#ask = ask;
    this.#batch = Math.floor(rate * ahead);
  }

  /** Spends `cost` at once if there is any. A cost beyond what is there is owed. */
  take(cost: number): boolean {
    if (this.#waiting.length > 0) return false;
    if (this.#free > 0 && performance.now() - this.#grantedAt > lifetime) this.#free = 0;
    if (this.#free <= 0) return false;
    this.#free -= cost;
    if (this.#free < this.#batch / 2) this.#request();
    return true;
  }

  /** For when `take` failed. Gives a function that ends the waiting. */
  wait(cost: number, timeout: number, waiter: Waiter): () => void {
    const timer = setTimeout(() => {
      this.#forget(waiting);
      waiter(false);
    }, timeout);
    const waiting = { cost, waiter, timer };
    this.#waiting.push(waiting);
    this.#request();
    return () => this.#forget(waiting);
  }

  /** What turned out to be spent besides. */
  charge(cost: number): void {
    this.#free -= cost;
  }

  grant(count: number): void {
    this.#asked = false;
    this.#grantedAt = performance.now();
    this.#free += count;
    while (this.#free > 0 && this.#waiting.length > 0) {
      const { cost, waiter, timer } = this.#waiting.shift() as Waiting;
      clearTimeout(timer);
      this.#free -= cost;
      waiter(true);
    }
    if (this.#waiting.length > 0 || (this.#batch > 0 && this.#free < 0)) this.#request();
  }

  #request(): void {
    if (this.#asked && performance.now() - this.#askedAt < patience) return;
    this.#asked = true;
    this.#askedAt = performance.now();
    const owed = this.#free < 0 ? -this.#free : 0;
    let count = owed + this.#batch;
    for (const { cost } of this.#waiting) count += cost;
    this.#ask(Math.max(1, count));
  }

  #forget(waiting: Waiting): void {
    clearTimeout(waiting.timer);
    const index = this.#waiting.indexOf(waiting);
    if (index >= 0) this.#waiting.splice(index, 1);
  }
}

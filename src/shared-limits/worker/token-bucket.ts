import type { LeaseGrant, LeaseSource, LeaseUser, TokenRule } from '../messages.ts';
import { type Waiter, Waiters } from './waiters.ts';

/** Part of a second's tokens that is asked for in advance. */
const AHEAD = 0.02;
/** Tokens not used for this long are given up: they were meant for that moment, ms. */
const LIFETIME_MS = 500;

/**
 * This worker's part of the tokens that may be spent at one node in a second. They come in batches,
 * so that a request hardly ever asks.
 */
export class TokenBucket implements LeaseUser {
  readonly #source: LeaseSource;
  readonly #key: string;
  readonly #rule: TokenRule;
  readonly #whole: boolean;
  readonly #batch: number;
  readonly #waiters = new Waiters();
  #free = 0;
  #grantedAt = 0;
  #asked = false;

  /**
   * @param rate tokens a second, over all workers
   * @param whole whether part of what is asked for is of no use
   */
  constructor(source: LeaseSource, key: string, rate: number, whole: boolean) {
    this.#source = source;
    this.#key = key;
    this.#rule = { max: rate, burst: Math.max(1, rate), intervalMs: 1000, refill: 'steady' };
    this.#whole = whole;
    this.#batch = Math.floor(rate * AHEAD);
  }

  /** Spends `cost` at once if there is any. A cost beyond what is there is owed. */
  take(cost: number): boolean {
    if (this.#waiters.count > 0) return false;
    if (this.#free > 0 && performance.now() - this.#grantedAt > LIFETIME_MS) this.#free = 0;
    if (this.#free <= 0) return false;
    this.#free -= cost;
    if (this.#free < this.#batch / 2) this.#ask();
    return true;
  }

  /** For when `take` failed. Gives a function that ends the waiting. */
  wait(cost: number, timeoutMs: number, waiter: Waiter): () => void {
    const cancel = this.#waiters.add(cost, waiter, Math.max(1, timeoutMs));
    this.#ask();
    return cancel;
  }

  /** What turned out to be spent besides. */
  charge(cost: number): void {
    this.#free -= cost;
  }

  granted({ amount }: LeaseGrant): void {
    this.#asked = false;
    this.#grantedAt = performance.now();
    this.#free += amount;
    while (this.#free > 0 && this.#waiters.count > 0) {
      this.#free -= this.#waiters.first;
      this.#waiters.answerFirst(true);
    }
    if (this.#waiters.count > 0 || (this.#batch > 0 && this.#free < 0)) this.#ask();
  }

  recalled(): void {
    // Tokens that come steadily are not recalled: whoever lacks some waits for the next.
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    const owed = this.#free < 0 ? -this.#free : 0;
    const amount = Math.max(1, owed + this.#batch + this.#waiters.total);
    const minimum = this.#whole ? amount : 1;
    const { type, kind } = { type: 'lease-request', kind: 'tokens' } as const;
    this.#source.request({ type, kind, key: this.#key, amount, minimum, rule: this.#rule }, this);
  }
}

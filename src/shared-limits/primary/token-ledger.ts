import { type LeaseGrant, sharedNow, type TokenRule } from '../messages.ts';
import { fairPart, Ledger, type LeaseHolder } from './ledger.ts';

/** Tokens that come with time: all those of an interval at its beginning, or one after the other. */
export class TokenLedger extends Ledger {
  readonly kind = 'tokens';
  #rule: TokenRule;
  /** Of the configuration that the rule is from. */
  #generation: number;
  /** Below 0 when some are owed, or the rule has become stricter. */
  #left: number;
  #window = 0;
  readonly #windowStep: number;
  /** End of the interval, in `sharedNow` time; 0 before the first. */
  #until = 0;
  #filledAt = sharedNow();
  /** Holders that may have something of this interval unspent. */
  readonly #lent = new Set<LeaseHolder>();

  /** @param windowStep by how much the number of an interval differs from that of the one before */
  constructor(key: string, rule: TokenRule, generation: number, windowStep: number) {
    super(key);
    this.#rule = rule;
    this.#generation = generation;
    this.#left = rule.burst;
    this.#windowStep = windowStep;
  }

  get generation(): number {
    return this.#generation;
  }

  /** The limit may have changed; what was spent of it counts. */
  follow(rule: TokenRule, generation: number): void {
    if (rule.refill === 'windows') this.#left += rule.burst - this.#rule.burst;
    this.#rule = rule;
    this.#generation = generation;
  }

  available(minimum: number, holders: number): number {
    this.#fill();
    if (this.#rule.refill === 'windows') return fairPart(this.#left, minimum, holders);
    // A request may be for more than is ever there at a time: it is owed, then.
    return this.#left < 1 ? 0 : Math.max(minimum, Math.floor(this.#left));
  }

  lend(holder: LeaseHolder, amount: number): LeaseGrant {
    this.#left -= amount;
    if (amount > 0 && this.#rule.refill === 'windows') this.#lent.add(holder);
    const [window, until] = [this.#window, this.#until];
    return { type: 'lease-grant', kind: 'tokens', key: this.key, amount, window, until };
  }

  takeBack(_holder: LeaseHolder, amount: number, window: number): void {
    if (window === this.#window) this.#left += amount;
  }

  forget(holder: LeaseHolder): void {
    this.#lent.delete(holder);
  }

  askable(): LeaseHolder[] {
    const holders = [...this.#lent];
    // After the answer a holder has nothing until it is granted more.
    this.#lent.clear();
    return holders;
  }

  /** It would be full if somebody asked. */
  isUnused(now: number): boolean {
    const { burst, max, intervalMs, refill } = this.#rule;
    const missing = Math.max(0, burst - this.#left) / max;
    if (refill === 'steady') return now >= this.#filledAt + missing * intervalMs;
    return now >= this.#until + Math.max(0, Math.ceil(missing) - 1) * intervalMs;
  }

  override get waitMs(): number {
    const { max, intervalMs, refill } = this.#rule;
    if (refill === 'windows') return 0;
    return Math.max(1, Math.ceil(((1 - this.#left) / max) * intervalMs));
  }

  #fill(): void {
    const { burst, max, intervalMs, refill } = this.#rule;
    const now = sharedNow();
    if (refill === 'steady') {
      const more = ((now - this.#filledAt) / intervalMs) * max;
      this.#left = Math.min(burst, this.#left + more);
      this.#filledAt = now;
    } else if (now >= this.#until) {
      // What was not spent is added, up to `burst`.
      const passed = this.#until === 0 ? Infinity : 1 + (now - this.#until) / intervalMs;
      this.#left = Math.min(burst, Math.max(0, this.#left) + Math.floor(passed) * max);
      this.#window += this.#windowStep;
      this.#until = now + intervalMs;
      this.#lent.clear();
    }
  }
}

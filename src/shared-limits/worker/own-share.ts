import type { GatewayConfig } from '../../config/types.ts';
import { leaseScope } from '../lease-key.ts';
import type { LeaseRequest, LeaseReturn, LeaseToHolder } from '../messages.ts';
import type { LeaseHolder } from '../primary/ledger.ts';
import { LocalLeaseKeeper } from '../primary/lease-keeper.ts';
import { slotLimits } from '../primary/slot-limits.ts';

/**
 * This worker's part of every limit that otherwise holds over all workers, for as long as the keeper
 * is silent: one of so many workers has that part of it, and at least 1.
 */
export class OwnShare implements LeaseHolder {
  readonly generation = { number: 0 };
  readonly #workers: number;
  /** Its intervals are told from the primary's by their numbers. */
  readonly #tokens = new LocalLeaseKeeper(-1);
  readonly #slots = new Map<string, number>();
  readonly #answer: (message: LeaseToHolder) => void;

  constructor(config: GatewayConfig, workers: number, answer: (message: LeaseToHolder) => void) {
    this.#workers = workers;
    this.#answer = answer;
    this.#tokens.add(this);
    for (const { scope, max } of slotLimits(config)) {
      if (max > 0) this.#slots.set(scope, this.#part(max));
    }
  }

  /** Slots of that key that this worker may have. */
  slots(key: string): number {
    return this.#slots.get(leaseScope(key)) ?? Infinity;
  }

  requestTokens(request: LeaseRequest & { kind: 'tokens' }): void {
    const { max, burst } = request.rule;
    const rule = { ...request.rule, max: this.#part(max), burst: this.#part(burst) };
    this.#tokens.request(this, { ...request, rule });
  }

  returnTokens(returned: LeaseReturn): void {
    this.#tokens.return(this, returned);
  }

  send(message: LeaseToHolder): void {
    setImmediate(() => this.#answer(message));
  }

  #part(max: number): number {
    return Math.ceil(max / this.#workers);
  }
}

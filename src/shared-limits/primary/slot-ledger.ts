import type { LeaseGrant } from '../messages.ts';
import { fairPart, Ledger, type LeaseHolder } from './ledger.ts';

/** Slots, each of which is one connection that may be open. */
export class SlotLedger extends Ledger {
  readonly kind = 'slots';
  limit: number;
  /** Slots lent, by holder. */
  readonly lent = new Map<LeaseHolder, number>();

  constructor(key: string, limit: number) {
    super(key);
    this.limit = limit;
  }

  /** Below 0 after the limit was lowered, or slots were used without a grant. */
  get free(): number {
    let sum = 0;
    for (const count of this.lent.values()) sum += count;
    return this.limit - sum;
  }

  available(minimum: number, holders: number): number {
    return fairPart(this.free, minimum, holders);
  }

  lend(holder: LeaseHolder, amount: number): LeaseGrant {
    if (amount > 0) this.lent.set(holder, (this.lent.get(holder) ?? 0) + amount);
    return { type: 'lease-grant', kind: 'slots', key: this.key, amount };
  }

  takeBack(holder: LeaseHolder, amount: number): void {
    const left = (this.lent.get(holder) ?? 0) - Math.max(0, amount);
    if (left > 0) this.lent.set(holder, left);
    else this.lent.delete(holder);
  }

  forget(holder: LeaseHolder): void {
    this.lent.delete(holder);
  }

  askable(): LeaseHolder[] {
    return [...this.lent.keys()];
  }

  isUnused(_now: number, delegate: LeaseHolder | null): boolean {
    for (const holder of this.lent.keys()) if (holder !== delegate) return false;
    return true;
  }
}

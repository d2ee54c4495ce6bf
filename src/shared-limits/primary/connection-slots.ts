import { permitOwner } from '../lease-key.ts';
import type { PermitLimits } from './slot-limits.ts';

/** Permits given back to another primary at a time, at most. */
const RECLAIMED = 64;

/** How the pool speaks to one worker. */
export interface PermitHolder {
  readonly pid: number;
  grantPermits(entry: string, count: number): void;
  recallPermits(entry: string): void;
}

/** A worker that waits for an answer. */
interface Wish {
  readonly holder: PermitHolder;
  readonly count: number;
}

/** The permits of one name: each is one connection that may be open. */
class EntryPermits {
  limit = 0;
  /** Permits lent, by worker. */
  readonly lent = new Map<PermitHolder, number>();
  wishes: Wish[] = [];
  /** Workers asked to give spare permits back that have not answered, for `asking`. */
  readonly recalled = new Set<PermitHolder>();
  /** The wishes that the recall under way is for. */
  asking: Wish[] = [];

  /** Nobody has any, beside `keeper`, and nobody waits. */
  isUnused(keeper: PermitHolder | null): boolean {
    if (this.wishes.length + this.asking.length + this.recalled.size > 0) return false;
    for (const holder of this.lent.keys()) if (holder !== keeper) return false;
    return true;
  }

  get free(): number {
    let sum = 0;
    for (const count of this.lent.values()) sum += count;
    return this.limit - sum;
  }
}

/**
 * Keeps limits on connections exact over all workers: a connection may only be open on a permit, there
 * are as many as the limit says (max_concurrency of an entry, say), and workers borrow them in batches.
 * A wish is always answered; with 0 only after every other worker was asked for what it can spare.
 */
export class Permits {
  readonly #entries = new Map<string, EntryPermits>();
  /** The limit of each part, by the name of the whole. */
  readonly #each = new Map<string, number>();
  readonly #holders = new Set<PermitHolder>();
  /** Those that do not respond now: nobody waits for what they could spare. */
  readonly #absent = new Set<PermitHolder>();
  /** Has all permits that are not needed here: another primary, as long as it lives. */
  #keeper: PermitHolder | null = null;

  /**
   * Takes the limits of a configuration; a lower one is reached as connections close. Entries that
   * are no more keep theirs, for the workers that drain them.
   */
  setLimits(limits: readonly PermitLimits[]): void {
    for (const { name, max_concurrency, max_each } of limits) {
      if (max_each !== undefined) this.#each.set(name, max_each || Infinity);
      if (max_concurrency !== undefined) this.#entry(name).limit = max_concurrency;
    }
    for (const [name, permits] of this.#entries) {
      const { owner, isPart } = permitOwner(name);
      if (isPart) permits.limit = this.#each.get(owner) ?? Infinity;
      if (permits.free >= 0) continue;
      for (const holder of permits.lent.keys()) holder.recallPermits(name);
    }
    for (const [name, permits] of this.#entries) this.#serve(name, permits);
  }

  add(holder: PermitHolder): void {
    this.#holders.add(holder);
  }

  /** The worker no longer responds, or does so again. */
  setAbsent(holder: PermitHolder, isAbsent: boolean): void {
    if (!isAbsent) {
      this.#absent.delete(holder);
      return;
    }
    this.#absent.add(holder);
    for (const [name, permits] of this.#entries) this.#answered(name, permits, holder);
  }

  /** The worker is gone, and with it its connections. */
  remove(holder: PermitHolder): void {
    this.#holders.delete(holder);
    this.#absent.delete(holder);
    if (holder === this.#keeper) this.#keeper = null;
    for (const [name, permits] of this.#entries) {
      permits.lent.delete(holder);
      permits.wishes = permits.wishes.filter((wish) => wish.holder !== holder);
      permits.asking = permits.asking.filter((wish) => wish.holder !== holder);
      this.#answered(name, permits, holder);
      this.#serve(name, permits);
      this.#forgetUnused(name, permits);
    }
  }

  wanted(holder: PermitHolder, entry: string, count: number): void {
    const permits = this.#entry(entry);
    permits.wishes.push({ holder, count: Math.max(1, count) });
    this.#serve(entry, permits);
  }

  /** It has used some without asking; the limit may be exceeded until they are returned. */
  taken(holder: PermitHolder, entry: string, count: number): void {
    const { lent } = this.#entry(entry);
    lent.set(holder, (lent.get(holder) ?? 0) + count);
  }

  returned(holder: PermitHolder, entry: string, count: number): void {
    const permits = this.#entry(entry);
    const lent = permits.lent.get(holder) ?? 0;
    const left = lent - Math.max(0, count);
    if (left > 0) permits.lent.set(holder, left);
    else permits.lent.delete(holder);
    this.#answered(entry, permits, holder);
    this.#serve(entry, permits);
    this.#forgetUnused(entry, permits);
  }

  /** The holder keeps every permit until it is asked for some. Comes before all workers. */
  entrust(holder: PermitHolder): void {
    this.#holders.add(holder);
    this.#keeper = holder;
    for (const permits of this.#entries.values()) permits.lent.set(holder, permits.limit);
  }

  /**
   * Who has been entrusted with the permits wants some back, and is granted what can be spared. While
   * others wait for it, too, that is none: both would wait for each other.
   */
  reclaim(holder: PermitHolder, entry: string): void {
    const permits = this.#entry(entry);
    if (permits.recalled.has(holder)) holder.grantPermits(entry, 0);
    else this.wanted(holder, entry, RECLAIMED);
    this.#forgetUnused(entry, permits);
  }

  /** Permits out with workers. */
  lent(entry: string): number {
    const permits = this.#entries.get(entry);
    return permits ? permits.limit - permits.free : 0;
  }

  #entry(name: string): EntryPermits {
    let permits = this.#entries.get(name);
    if (!permits) {
      permits = new EntryPermits();
      const { owner, isPart } = permitOwner(name);
      if (isPart) {
        permits.limit = this.#each.get(owner) ?? Infinity;
        // Of what there is without end nobody needs to be asked.
        if (this.#keeper && permits.limit < Infinity) permits.lent.set(this.#keeper, permits.limit);
      }
      this.#entries.set(name, permits);
    }
    return permits;
  }

  /** There are as many addresses as there are clients. */
  #forgetUnused(name: string, permits: EntryPermits): void {
    if (!permitOwner(name).isPart || !permits.isUnused(this.#keeper)) return;
    this.#entries.delete(name);
    const spare = permits.limit === Infinity ? 0 : permits.free;
    if (spare > 0) this.#keeper?.grantPermits(name, spare);
  }

  /** Grants what is free; when nothing is, asks the other workers for what they can spare. */
  #serve(name: string, permits: EntryPermits): void {
    this.#grant(name, permits, permits.asking);
    this.#grant(name, permits, permits.wishes);
    if (permits.wishes.length === 0 || permits.recalled.size > 0) return;
    permits.asking = permits.wishes;
    permits.wishes = [];
    const only = permits.asking.length === 1 ? permits.asking[0]?.holder : undefined;
    for (const holder of this.#holders) {
      if (holder === only || this.#absent.has(holder)) continue;
      if (permits.lent.has(holder)) permits.recalled.add(holder);
    }
    for (const holder of permits.recalled) holder.recallPermits(name);
    if (permits.recalled.size === 0) this.#refuse(name, permits);
  }

  #grant(name: string, permits: EntryPermits, wishes: Wish[]): void {
    for (let free = permits.free; free > 0 && wishes.length > 0; free = permits.free) {
      const wish = wishes.shift() as Wish;
      // Nobody gets more than a fair part of what is left, so that few need to be recalled.
      const fair = Math.ceil(free / Math.max(1, 2 * this.#holders.size));
      const count = Math.min(wish.count, fair);
      permits.lent.set(wish.holder, (permits.lent.get(wish.holder) ?? 0) + count);
      wish.holder.grantPermits(name, count);
    }
  }

  #answered(name: string, permits: EntryPermits, holder: PermitHolder): void {
    if (!permits.recalled.delete(holder) || permits.recalled.size > 0) return;
    this.#grant(name, permits, permits.asking);
    this.#refuse(name, permits);
  }

  /** Everybody has answered, and these got nothing. */
  #refuse(name: string, permits: EntryPermits): void {
    const refused = permits.asking;
    permits.asking = [];
    for (const { holder } of refused) holder.grantPermits(name, 0);
  }
}

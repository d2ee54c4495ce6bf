import { createHash } from 'node:crypto';
import type { Limit, LimitRules } from '../../flow/filter.ts';
import { leaseKey } from '../lease-key.ts';
import {
  type LeaseGrant,
  type LeaseSource,
  type LeaseUser,
  sharedNow,
  type TokenRule,
} from '../messages.ts';
import { Waiters } from './waiters.ts';

/** Keys of one limit that are told apart at one time; more of them share what 1024 keys may have. */
const MAX_KEYS = 100_000;
const SHARED_KEYS = 1024;
/** A longer key is kept as its digest. */
const LONGEST_KEY = 128;
const SWEEP_MS = 1000;

/**
 * This worker's parts of the limits of limiters. A request passes without asking as long as its key's
 * tokens last; once the keeper has answered that nothing is left, requests are turned away without
 * asking until the interval ends.
 */
export class RateWindows {
  readonly #source: LeaseSource;
  readonly #limits: RateLimit[] = [];
  #sweeper: NodeJS.Timeout | null = null;

  constructor(source: LeaseSource) {
    this.#source = source;
  }

  /** @param id of the limit's place in the configuration, the same over reloads; to be opened once */
  open(id: string, rules: LimitRules): Limit {
    const limit = new RateLimit(this.#source, id, rules);
    this.#limits.push(limit);
    this.#sweeper ??= setInterval(() => {
      for (const each of this.#limits) each.sweep();
    }, SWEEP_MS).unref();
    return limit;
  }

  /** Returns everything; nothing more will be spent here. */
  close(): void {
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    for (const limit of this.#limits) limit.close();
  }
}

class RateLimit implements Limit {
  readonly #source: LeaseSource;
  readonly #id: string;
  readonly #rule: TokenRule;
  readonly #windows = new Map<string, RateWindow>();

  constructor(source: LeaseSource, id: string, { max, most, interval }: LimitRules) {
    this.#source = source;
    this.#id = id;
    this.#rule = { max, burst: most, intervalMs: interval, refill: 'windows' };
  }

  take(name: string, size: number): boolean | Promise<boolean> {
    if (size > this.#rule.burst) return false;
    const key = this.#keyOf(name);
    let window = this.#windows.get(key);
    if (window === undefined) {
      window = new RateWindow(this.#source, leaseKey('limit', this.#id, key), this.#rule);
      this.#windows.set(key, window);
    }
    return window.take(size);
  }

  giveBack(name: string, size: number): void {
    this.#windows.get(this.#keyOf(name))?.giveBack(size);
  }

  wait(name: string): number {
    return this.#windows.get(this.#keyOf(name))?.remainingMs ?? 0;
  }

  close(): void {
    for (const window of this.#windows.values()) window.returnAll();
  }

  sweep(): void {
    const now = sharedNow();
    for (const [key, window] of this.#windows) {
      if (window.forget(now)) this.#windows.delete(key);
    }
  }

  #keyOf(name: string): string {
    if (name.length > LONGEST_KEY) name = `#${digest(name).toString('base64url')}`;
    if (this.#windows.size < MAX_KEYS || this.#windows.has(name)) return name;
    return `~${digest(name).readUInt32BE() % SHARED_KEYS}`;
  }
}

/** What this worker may still spend of one limit for one key. */
class RateWindow implements LeaseUser {
  readonly #source: LeaseSource;
  readonly #key: string;
  readonly #rule: TokenRule;
  #tokens = 0;
  #number = 0;
  /** End of the interval, in `sharedNow` time; Infinity before the keeper's answer. */
  #until = Infinity;
  /** Nothing of this size, or above, is left in this interval. */
  #deniedFrom = Infinity;
  /** Spent in this interval, and in the one before. */
  #spent = 0;
  #spentBefore = 0;
  /** The minimum that was asked for, or 0. */
  #asked = 0;
  #waiters: Waiters | null = null;

  constructor(source: LeaseSource, key: string, rule: TokenRule) {
    this.#source = source;
    this.#key = key;
    this.#rule = rule;
  }

  take(size: number): boolean | Promise<boolean> {
    if (sharedNow() >= this.#until) this.#startAnew();
    if (!this.#isWaitedFor && this.#spend(size)) return true;
    if (size >= this.#deniedFrom) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiters ??= new Waiters();
    this.#waiters.add(size, resolve, 0);
    this.#ask(this.#waiters);
    return promise;
  }

  giveBack(size: number): void {
    if (sharedNow() >= this.#until) return;
    this.#tokens += size;
    this.#spent -= size;
  }

  get remainingMs(): number {
    return this.#until === Infinity ? 0 : Math.max(0, this.#until - sharedNow());
  }

  granted(grant: LeaseGrant): void {
    const asked = this.#asked;
    this.#asked = 0;
    // A late answer belongs to an interval that has ended.
    if (grant.kind === 'tokens' && sharedNow() < grant.until) {
      this.#number = grant.window;
      this.#until = grant.until;
      this.#tokens += grant.amount;
      if (grant.amount === 0) this.#deniedFrom = Math.min(this.#deniedFrom, asked);
    }
    if (this.#waiters !== null) this.#serve(this.#waiters);
  }

  recalled(): void {
    const [amount, window] = [this.#tokens, this.#number];
    this.#tokens = 0;
    this.#source.return({ type: 'lease-return', kind: 'tokens', key: this.#key, amount, window });
  }

  returnAll(): void {
    if (this.#tokens > 0) this.recalled();
  }

  /** Whether nothing of it matters any more. It is kept for another interval: that tells how much to ask for. */
  forget(now: number): boolean {
    if (now < this.#until + this.#rule.intervalMs || this.#isWaitedFor) return false;
    this.#source.forget(this.#key);
    return true;
  }

  get #isWaitedFor(): boolean {
    return this.#waiters !== null && this.#waiters.count > 0;
  }

  #spend(size: number): boolean {
    if (this.#tokens < size) return false;
    this.#tokens -= size;
    this.#spent += size;
    return true;
  }

  #serve(waiters: Waiters): void {
    for (let size = waiters.first; size > 0; size = waiters.first) {
      const granted = this.#spend(size);
      if (!granted && size < this.#deniedFrom) return this.#ask(waiters);
      waiters.answerFirst(granted);
    }
    this.#waiters = null;
  }

  #ask(waiters: Waiters): void {
    if (this.#asked > 0) return;
    this.returnAll();
    const minimum = (this.#asked = waiters.first);
    const estimate = Math.ceil(Math.max(this.#spent, this.#spentBefore) / 2);
    const amount = Math.max(waiters.total, estimate);
    const { type, kind } = { type: 'lease-request', kind: 'tokens' } as const;
    this.#source.request({ type, kind, key: this.#key, amount, minimum, rule: this.#rule }, this);
  }

  #startAnew(): void {
    this.#spentBefore = this.#spent;
    this.#spent = 0;
    this.#tokens = 0;
    this.#until = Infinity;
    this.#deniedFrom = Infinity;
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

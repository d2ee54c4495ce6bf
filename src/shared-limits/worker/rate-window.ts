import { createHash } from 'node:crypto';
import type { Limit } from '../../flow/filter.ts';
import { type LimitSpec, type LimitToPrimary, type LimitToWorker, sharedNow } from '../messages.ts';

interface Waiter {
  readonly size: number;
  readonly resolve: (granted: boolean) => void;
}

/** What this worker may still spend of one limit for one key. */
interface Share {
  tokens: number;
  window: number;
  /** End of the interval, in `sharedNow` time; Infinity until the primary has said. */
  until: number;
  /** Nothing of this size, or above, is left in this interval. */
  deniedFrom: number;
  /** Spent in this interval, and in the one before. */
  spent: number;
  before: number;
  /** What was asked for, or 0. */
  asked: number;
  readonly waiters: Waiter[];
}

/** Keys of one limit that are told apart at one time; more of them share what 1024 keys may have. */
const maxKeys = 100_000;
const sharedKeys = 1024;
/** A longer key is kept as its digest. */
const longestKey = 128;
const sweepEvery = 1000;

/**
 * This worker's shares of the limits that the primary keeps. A request is let through without
 * asking as long as its key's share lasts; once the primary has said that nothing is left, requests
 * are turned away without asking until the interval ends.
 */
export class LimitShares {
  readonly #send: (message: LimitToPrimary) => void;
  readonly #limits = new Map<string, SharedLimit>();
  #sweeper: NodeJS.Timeout | null = null;

  constructor(send: (message: LimitToPrimary) => void) {
    this.#send = send;
  }

  /** The limit of that place; it is to be asked for once. */
  open(spec: LimitSpec): Limit {
    const limit = new SharedLimit(spec, this.#send);
    this.#limits.set(spec.id, limit);
    this.#sweeper ??= setInterval(() => {
      for (const each of this.#limits.values()) each.sweep();
    }, sweepEvery).unref();
    return limit;
  }

  take(message: LimitToWorker): void {
    const limit = this.#limits.get(message.id);
    if (message.type === 'limit-granted') limit?.granted(message);
    else if (limit) limit.recalled(message.key);
    else {
      const { id, key } = message;
      this.#send({ type: 'limit-returned', id, key, window: 0, count: 0 });
    }
  }

  /** Gives everything back; nothing more will be spent here. */
  close(): void {
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    for (const limit of this.#limits.values()) limit.returnAll();
  }
}

class SharedLimit implements Limit {
  readonly #spec: LimitSpec;
  readonly #send: (message: LimitToPrimary) => void;
  readonly #shares = new Map<string, Share>();

  constructor(spec: LimitSpec, send: (message: LimitToPrimary) => void) {
    this.#spec = spec;
    this.#send = send;
  }

  take(name: string, size: number): boolean | Promise<boolean> {
    if (size > this.#spec.most) return false;
    const key = this.#keyOf(name);
    const share = this.#share(key);
    if (sharedNow() >= share.until) startAnew(share);
    if (share.tokens >= size && share.waiters.length === 0) {
      share.tokens -= size;
      share.spent += size;
      return true;
    }
    if (size >= share.deniedFrom) return false;
    return new Promise<boolean>((resolve) => {
      share.waiters.push({ size, resolve });
      this.#ask(key, share);
    });
  }

  giveBack(name: string, size: number): void {
    const share = this.#shares.get(this.#keyOf(name));
    if (share === undefined || sharedNow() >= share.until) return;
    share.tokens += size;
    share.spent -= size;
  }

  wait(name: string): number {
    const until = this.#shares.get(this.#keyOf(name))?.until ?? 0;
    return until === Infinity ? 0 : Math.max(0, until - sharedNow());
  }

  granted({ key, count, window, until }: LimitToWorker & { type: 'limit-granted' }): void {
    const share = this.#shares.get(key);
    if (share === undefined) return this.#return(key, window, count);
    const { asked } = share;
    share.asked = 0;
    // What comes too late belongs to an interval that has ended.
    if (sharedNow() < until) {
      share.window = window;
      share.until = until;
      share.tokens += count;
      if (count === 0) share.deniedFrom = Math.min(share.deniedFrom, asked);
    }
    this.#serve(key, share);
  }

  recalled(key: string): void {
    const share = this.#shares.get(key);
    this.#return(key, share?.window ?? 0, share?.tokens ?? 0);
    if (share) share.tokens = 0;
  }

  returnAll(): void {
    for (const [key, share] of this.#shares) {
      if (share.tokens > 0) this.recalled(key);
    }
  }

  sweep(): void {
    const now = sharedNow();
    for (const [key, share] of this.#shares) {
      // Kept for another interval: it tells how much to ask for.
      if (now < share.until + this.#spec.interval || share.waiters.length > 0) continue;
      this.#shares.delete(key);
    }
  }

  #serve(key: string, share: Share): void {
    const { waiters } = share;
    for (let next = waiters[0]; next !== undefined; next = waiters[0]) {
      const { size, resolve } = next;
      if (share.tokens < size && size < share.deniedFrom) return this.#ask(key, share);
      waiters.shift();
      const granted = share.tokens >= size;
      if (granted) {
        share.tokens -= size;
        share.spent += size;
      }
      resolve(granted);
    }
  }

  #ask(key: string, share: Share): void {
    const [first] = share.waiters;
    if (share.asked > 0 || first === undefined) return;
    if (share.tokens > 0) this.recalled(key);
    const waiting = share.waiters.reduce((sum, { size }) => sum + size, 0);
    const want = Math.max(waiting, Math.ceil(Math.max(share.spent, share.before) / 2));
    share.asked = first.size;
    this.#send({ type: 'limit-wanted', spec: this.#spec, key, need: first.size, want });
  }

  #return(key: string, window: number, count: number): void {
    this.#send({ type: 'limit-returned', id: this.#spec.id, key, window, count });
  }

  #share(key: string): Share {
    let share = this.#shares.get(key);
    if (share === undefined) {
      share = {
        tokens: 0,
        window: 0,
        until: Infinity,
        deniedFrom: Infinity,
        spent: 0,
        before: 0,
        asked: 0,
        waiters: [],
      };
      this.#shares.set(key, share);
    }
    return share;
  }

  #keyOf(name: string): string {
    if (name.length > longestKey) name = `#${digest(name).toString('base64url')}`;
    if (this.#shares.size < maxKeys || this.#shares.has(name)) return name;
    return `~${digest(name).readUInt32BE() % sharedKeys}`;
  }
}

function startAnew(share: Share): void {
  share.before = share.spent;
  share.spent = 0;
  share.tokens = 0;
  share.until = Infinity;
  share.deniedFrom = Infinity;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

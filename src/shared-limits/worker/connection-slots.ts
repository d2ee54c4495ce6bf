import type { LeaseGrant, LeaseSource, LeaseUser } from '../messages.ts';
import { type Waiter, Waiters } from './waiters.ts';

/** Waiting connections above this are refused at once. */
const MAX_WAITING = 1024;
/** How long a connection waits for the keeper's answer, ms. */
const PATIENCE_MS = 5_000;

/**
 * This worker's part of the connections that an entry, or one client address at it, may have. The
 * worker leases slots in batches and keeps a small reserve, so that accepting a connection hardly
 * ever waits for the keeper.
 */
export class ConnectionSlots implements LeaseUser {
  readonly #source: LeaseSource;
  readonly #key: string;
  readonly #batch: number;
  readonly #waiters = new Waiters();
  #free = 0;
  #asked = false;
  #draining = false;

  /** @param limit slots that there are for all workers */
  constructor(source: LeaseSource, key: string, limit: number) {
    this.#source = source;
    this.#key = key;
    // A small limit is dealt out one by one, or a worker's reserve would keep others from it.
    this.#batch = Math.min(64, Math.max(1, Math.floor(limit / 32)));
  }

  /** Slots that no connection uses. */
  get free(): number {
    return this.#free;
  }

  /** Connections that wait for a slot. */
  get waiting(): number {
    return this.#waiters.count;
  }

  /** Whether an answer is to come. */
  get asking(): boolean {
    return this.#asked;
  }

  /** Leases the first batch. */
  open(): void {
    this.#ask();
  }

  /** Uses a slot if one is at hand. */
  take(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    if (this.#free < this.#batch / 2 && this.#batch > 1) this.#ask();
    return true;
  }

  /** For when `take` failed: calls `waiter` with the keeper's answer. */
  wait(waiter: Waiter): void {
    if (this.#waiters.count >= MAX_WAITING) {
      waiter(false);
      return;
    }
    this.#waiters.add(1, waiter, PATIENCE_MS);
    this.#ask();
  }

  /** A connection that had a slot has gone. */
  release(): void {
    this.#free++;
    this.#serve();
    if (this.#draining) this.#returnAll();
    else if (this.#free > 2 * this.#batch) this.#return(this.#free - this.#batch);
  }

  /** 0 refuses everyone who waits. */
  granted({ amount }: LeaseGrant): void {
    this.#asked = false;
    this.#free += amount;
    this.#serve();
    if (amount === 0) this.#waiters.refuseAll();
    if (this.waiting > 0) this.#ask();
    else if (this.#draining) this.#returnAll();
  }

  recalled(): void {
    this.#return(this.#free);
  }

  /** From now on keeps no reserve. */
  drain(): void {
    this.#draining = true;
    this.#returnAll();
  }

  #ask(): void {
    if (this.#asked || (this.#draining && this.waiting === 0)) return;
    this.#asked = true;
    const amount = this.waiting + (this.#draining ? 0 : this.#batch);
    this.#source.request({ type: 'lease-request', kind: 'slots', key: this.#key, amount }, this);
  }

  #serve(): void {
    while (this.#free > 0 && this.waiting > 0) {
      this.#free--;
      this.#waiters.answerFirst(true);
    }
  }

  #returnAll(): void {
    if (this.#free > 0) this.#return(this.#free);
  }

  #return(amount: number): void {
    this.#free -= amount;
    this.#source.return({ type: 'lease-return', kind: 'slots', key: this.#key, amount });
  }
}

import type { LeaseGrant, LeaseSource, LeaseUser } from '../messages.ts';

/** Who opens connections, each of which needs a slot. */
export interface SlotUser {
  /** Requests that wait for a connection, and could have one but for a slot. */
  readonly lacking: number;
  /** There are slots now: take what is needed. */
  onSlots(): void;
  /** Closes a connection that nobody uses; whether there was one. */
  closeIdle(): boolean;
}

/** How long after slots were refused they are asked for again, ms. */
const AGAIN_MS = 50;

/**
 * This worker's part of the connections that one node may have (max_connection_per_node), common to
 * all that open connections to it. A worker keeps a slot only as long as its connection is open, and
 * when others need some it closes a connection that is not used, or else the next one that comes free.
 */
export class NodeConnectionSlots implements LeaseUser {
  /** How long a request waits for a slot, ms. */
  readonly patienceMs: number;
  readonly #source: LeaseSource;
  readonly #key: string;
  readonly #users = new Set<SlotUser>();
  #free = 0;
  #asked = false;
  #owes = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(source: LeaseSource, key: string, patienceMs: number) {
    this.#source = source;
    this.#key = key;
    this.patienceMs = Math.max(1, patienceMs);
  }

  /** Whether the next connection that comes free should be closed, for others need its slot. */
  get owes(): boolean {
    return this.#owes;
  }

  take(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  /** For when `take` failed: `user` is told when there are slots. */
  want(user: SlotUser): void {
    this.#users.add(user);
    this.#closeIdle();
    this.#ask();
  }

  /** A connection that had a slot has closed. */
  release(): void {
    this.#free++;
    if (!this.#owes) this.#serve();
    this.#returnFree();
  }

  /** That user opens no connections any more. */
  forget(user: SlotUser): void {
    this.#users.delete(user);
  }

  granted({ amount }: LeaseGrant): void {
    this.#asked = false;
    this.#free += amount;
    this.#serve();
    this.#returnFree();
    if (this.#lacking === 0) return;
    if (amount > 0) this.#ask();
    else {
      // The other workers have none to spare; perhaps another user of this one has.
      if (!this.#closeIdle() && this.#users.size > 1) this.#owes = true;
      this.#timer ??= setTimeout(() => {
        this.#timer = null;
        this.#ask();
      }, AGAIN_MS);
    }
  }

  recalled(): void {
    // The slot of a connection that closes is returned, which is the answer.
    this.#owes = true;
    if (this.#closeIdle()) return;
    this.#owes = this.#users.size > 0;
    this.#return(0);
  }

  /** Closes a connection that nobody uses; whether there was one. */
  #closeIdle(): boolean {
    for (const user of this.#users) if (user.closeIdle()) return true;
    return false;
  }

  get #lacking(): number {
    let count = 0;
    for (const user of this.#users) count += user.lacking;
    return count;
  }

  #serve(): void {
    for (const user of this.#users) {
      if (this.#free === 0) return;
      if (user.lacking > 0) user.onSlots();
    }
  }

  /** What no connection needs is for the other workers. */
  #returnFree(): void {
    const amount = this.#free;
    if (amount === 0) return;
    this.#free = 0;
    this.#owes = false;
    this.#return(amount);
  }

  #ask(): void {
    const amount = this.#lacking;
    if (this.#asked || this.#timer !== null || amount === 0) return;
    this.#asked = true;
    this.#source.request({ type: 'lease-request', kind: 'slots', key: this.#key, amount }, this);
  }

  #return(amount: number): void {
    this.#source.return({ type: 'lease-return', kind: 'slots', key: this.#key, amount });
  }
}

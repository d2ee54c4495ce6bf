/** Speaks with whoever lends permits. */
export interface PermitSource {
  /** Asks for `count` more; answered by `grant` with as many as there are, perhaps 0. */
  request(count: number): void;
  /** Gives so many back. Also the answer to a recall, then perhaps with 0. */
  give(count: number): void;
}

/** Who opens connections on permits. */
export interface PermitUser {
  /** Requests that wait for a connection, and could have one but for a permit. */
  readonly lacking: number;
  /** There are permits now: take what is needed. */
  onPermits(): void;
  /** Closes a connection that nobody uses; whether there was one. */
  closeIdle(): boolean;
}

/** How long after permits were refused they are asked for again, ms. */
const again = 50;

/**
 * This worker's part of the connections that one node may have (max_connection_per_node), common to
 * all that open connections to it. The primary owns the permits, so the limit is exact over all
 * workers; a worker keeps one only as long as its connection is open, and when others need some it
 * closes a connection that is not used, or else the next one that comes free.
 */
export class ConnectionPermits {
  /** How long a request waits for a permit, ms. */
  readonly patience: number;
  readonly #source: PermitSource;
  readonly #users = new Set<PermitUser>();
  #free = 0;
  #asked = false;
  #owes = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(patience: number, source: PermitSource) {
    this.patience = Math.max(1, patience);
    this.#source = source;
  }

  /** Whether the next connection that comes free should be closed, for others need its permit. */
  get owes(): boolean {
    return this.#owes;
  }

  take(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  /** For when `take` failed: `user` is told when there are permits. */
  want(user: PermitUser): void {
    this.#users.add(user);
    this.#closeIdle();
    this.#ask();
  }

  /** A connection has closed that had a permit. */
  release(): void {
    this.#free++;
    if (!this.#owes) this.#serve();
    this.#giveBack();
  }

  /** What uses permits of its own is no more. */
  forget(user: PermitUser): void {
    this.#users.delete(user);
  }

  grant(count: number): void {
    this.#asked = false;
    this.#free += count;
    this.#serve();
    this.#giveBack();
    if (this.#lacking === 0) return;
    if (count > 0) this.#ask();
    else {
      // The other workers have none to spare; perhaps another user of this one has.
      if (!this.#closeIdle() && this.#users.size > 1) this.#owes = true;
      this.#timer ??= setTimeout(() => {
        this.#timer = null;
        this.#ask();
      }, again);
    }
  }

  recall(): void {
    // The permit of a connection that closes is given back, which is the answer.
    this.#owes = true;
    if (this.#closeIdle()) return;
    this.#owes = this.#users.size > 0;
    this.#source.give(0);
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
      if (user.lacking > 0) user.onPermits();
    }
  }

  /** What no connection needs is for the other workers. */
  #giveBack(): void {
    const count = this.#free;
    if (count === 0) return;
    this.#free = 0;
    this.#owes = false;
    this.#source.give(count);
  }

  #ask(): void {
    const count = this.#lacking;
    if (this.#asked || this.#timer !== null || count === 0) return;
    this.#asked = true;
    this.#source.request(count);
  }
}

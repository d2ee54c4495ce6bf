/** Called once: whether the connection may go on. */
type Waiter = (granted: boolean) => void;

export interface PermitSource {
  /** Asks for `count` more; answered by `grant` with as many as there are, perhaps 0. */
  request(count: number): void;
  give(count: number): void;
}

/** Waiting connections above this are refused at once. */
const maxWaiting = 1024;
/** A primary that does not answer for this long counts as having none left, ms. */
const patience = 5_000;

/**
 * This worker's share of an entry's max_concurrency. The primary owns the permits, so the limit is
 * exact over all workers; the worker borrows them in batches and keeps a small reserve, so that
 * accepting a connection hardly ever waits for the primary.
 */
export class Permits {
  readonly #source: PermitSource;
  readonly #batch: number;
  #free = 0;
  #asked = false;
  #draining = false;
  #waiting: Waiter[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(source: PermitSource, maxConcurrency: number) {
    this.#source = source;
    // A small limit is dealt out one by one, or a worker's reserve would keep others from it.
    this.#batch = Math.min(64, Math.max(1, Math.floor(maxConcurrency / 32)));
  }

  /** Permits that no connection uses. */
  get free(): number {
    return this.#free;
  }

  /** Connections that wait for the primary's answer. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether the primary owes an answer. */
  get asking(): boolean {
    return this.#asked;
  }

  /** Borrows the first batch. */
  open(): void {
    this.#ask();
  }

  /** Uses a permit if one is at hand. */
  take(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    if (this.#free < this.#batch / 2 && this.#batch > 1) this.#ask();
    return true;
  }

  /** For when `take` failed: calls `waiter` with the primary's answer. */
  wait(waiter: Waiter): void {
    if (this.#waiting.length >= maxWaiting) {
      waiter(false);
      return;
    }
    this.#waiting.push(waiter);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#refuseAll();
    }, patience);
    this.#ask();
  }

  /** A connection that held a permit has gone. */
  release(): void {
    this.#free++;
    this.#serve();
    if (this.#draining) this.#giveBack(this.#free);
    else if (this.#free > 2 * this.#batch) this.#giveBack(this.#free - this.#batch);
  }

  /** The primary's answer; 0 refuses everyone who waits. */
  grant(count: number): void {
    this.#asked = false;
    this.#free += count;
    this.#serve();
    if (count === 0) this.#refuseAll();
    if (this.#waiting.length > 0) this.#ask();
    else if (this.#draining) this.#giveBack(this.#free);
  }

  /** Another worker lacks permits: gives back what is not used, and answers even if that is none. */
  recall(): void {
    const count = this.#free;
    this.#free = 0;
    this.#source.give(count);
  }

  /** From now on keeps no reserve. */
  drain(): void {
    this.#draining = true;
    this.#giveBack(this.#free);
  }

  #ask(): void {
    if (this.#asked || (this.#draining && this.#waiting.length === 0)) return;
    this.#asked = true;
    this.#source.request(this.#waiting.length + (this.#draining ? 0 : this.#batch));
  }

  #serve(): void {
    while (this.#free > 0 && this.#waiting.length > 0) {
      this.#free--;
      this.#waiting.shift()?.(true);
    }
    if (this.#waiting.length === 0) this.#stopClock();
  }

  #refuseAll(): void {
    this.#stopClock();
    const refused = this.#waiting;
    this.#waiting = [];
    for (const waiter of refused) waiter(false);
  }

  #stopClock(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #giveBack(count: number): void {
    if (count === 0) return;
    this.#free -= count;
    this.#source.give(count);
  }
}

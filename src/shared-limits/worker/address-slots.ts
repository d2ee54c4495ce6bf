import { Permits, type PermitSource } from './connection-slots.ts';

/** How long the permits of an address that has left are kept for its return, ms. */
const keptFor = 2_000;

interface Address {
  readonly permits: Permits;
  /** Connections that hold a permit or wait for one. */
  users: number;
  /** performance.now() when the last one left. */
  leftAt: number;
}

/**
 * This worker's share of what each client address may have at an entry (max_conns_per_ip), borrowed
 * from the primary like the entry's own permits; an address that comes again soon costs no messages.
 */
export class AddressPermits {
  readonly #limit: number;
  readonly #source: (address: string) => PermitSource;
  readonly #addresses = new Map<string, Address>();
  #timer: NodeJS.Timeout | null = null;
  #draining = false;

  constructor(limit: number, source: (address: string) => PermitSource) {
    this.#limit = limit;
    this.#source = source;
  }

  /** Whether there is a limit at all. */
  get limited(): boolean {
    return this.#limit > 0;
  }

  /** Calls `done` with whether this address may have one more connection: at once if that is known. */
  take(address: string, done: (granted: boolean) => void): void {
    const known = this.#address(address);
    known.users++;
    if (known.permits.take()) {
      done(true);
      return;
    }
    known.permits.wait((granted) => {
      if (!granted) this.#left(known);
      done(granted);
    });
  }

  /** A connection that was granted has gone. */
  release(address: string): void {
    const known = this.#addresses.get(address);
    if (known === undefined) return;
    this.#left(known);
    known.permits.release();
  }

  grant(address: string, count: number): void {
    this.#address(address).permits.grant(count);
  }

  recall(address: string): void {
    const known = this.#addresses.get(address);
    if (known === undefined) this.#source(address).give(0);
    else known.permits.recall();
  }

  /** From now on keeps nothing in reserve. */
  drain(): void {
    this.#draining = true;
    for (const { permits } of this.#addresses.values()) permits.drain();
  }

  #address(address: string): Address {
    let known = this.#addresses.get(address);
    if (known === undefined) {
      const permits = new Permits(this.#source(address), this.#limit);
      if (this.#draining) permits.drain();
      this.#addresses.set(address, (known = { permits, users: 0, leftAt: 0 }));
      this.#timer ??= setInterval(() => this.#forgetOld(), keptFor).unref();
    }
    return known;
  }

  #left(known: Address): void {
    known.users--;
    known.leftAt = performance.now();
  }

  #forgetOld(): void {
    const before = performance.now() - keptFor;
    for (const [address, { permits, users, leftAt }] of this.#addresses) {
      if (users > 0 || leftAt > before || permits.asking) continue;
      this.#addresses.delete(address);
      permits.drain();
    }
    if (this.#addresses.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

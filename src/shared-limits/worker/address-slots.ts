import { leaseKey } from '../lease-key.ts';
import type { LeaseSource } from '../messages.ts';
import { ConnectionSlots } from './connection-slots.ts';

/** How long the slots of an address that has left are kept for its return, ms. */
const KEPT_MS = 2_000;

interface Address {
  readonly slots: ConnectionSlots;
  /** Connections that have a slot or wait for one. */
  users: number;
  /** performance.now() when the last one left. */
  leftAt: number;
}

/**
 * This worker's part of the connections that each client address may have at an entry
 * (max_conns_per_ip), leased like the entry's own slots; an address that comes again soon costs no
 * messages.
 */
export class AddressSlots {
  readonly #source: LeaseSource;
  readonly #entry: string;
  readonly #limit: number;
  readonly #addresses = new Map<string, Address>();
  #timer: NodeJS.Timeout | null = null;
  #draining = false;

  constructor(source: LeaseSource, entry: string, limit: number) {
    this.#source = source;
    this.#entry = entry;
    this.#limit = limit;
  }

  /** Whether there is a limit at all. */
  get limited(): boolean {
    return this.#limit > 0;
  }

  /** Calls `done` with whether this address may have one more connection: at once if that is known. */
  take(address: string, done: (granted: boolean) => void): void {
    const known = this.#address(address);
    known.users++;
    if (known.slots.take()) {
      done(true);
      return;
    }
    known.slots.wait((granted) => {
      if (!granted) left(known);
      done(granted);
    });
  }

  /** A connection that had a slot has gone. */
  release(address: string): void {
    const known = this.#addresses.get(address);
    if (known === undefined) return;
    left(known);
    known.slots.release();
  }

  /** From now on keeps nothing in reserve. */
  drain(): void {
    this.#draining = true;
    for (const { slots } of this.#addresses.values()) slots.drain();
  }

  #address(address: string): Address {
    let known = this.#addresses.get(address);
    if (known === undefined) {
      const key = leaseKey('address', this.#entry, address);
      const slots = new ConnectionSlots(this.#source, key, this.#limit);
      if (this.#draining) slots.drain();
      this.#addresses.set(address, (known = { slots, users: 0, leftAt: 0 }));
      this.#timer ??= setInterval(() => this.#forgetOld(), KEPT_MS).unref();
    }
    return known;
  }

  #forgetOld(): void {
    const before = performance.now() - KEPT_MS;
    for (const [address, { slots, users, leftAt }] of this.#addresses) {
      if (users > 0 || leftAt > before || slots.asking) continue;
      this.#addresses.delete(address);
      slots.drain();
    }
    if (this.#addresses.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

function left(known: Address): void {
  known.users--;
  known.leftAt = performance.now();
}

import { isIPv6 } from 'node:net';

/** Failures without a delay: people mistype, and programs are being set up. */
const freeFailures = 5;
/** Delay after the next failure, doubled with each further one. */
const delayMs = { first: 500, longest: 5000 };
/** Failures of an address are forgotten when there are no more for this long. */
const forgetAfterMs = 10 * 60_000;
/** Addresses that are remembered; the one that failed longest ago is dropped first. */
const maxAddresses = 1024;

interface Failures {
  readonly count: number;
  /** performance.now() */
  readonly lastAt: number;
}

/** Slows down the guessing of passwords: per address, a delay that grows with each failure. */
export class FailedLogins {
  readonly #addresses = new Map<string, Failures>();

  /** Time until this address may try again, ms. */
  wait(address: string): number {
    const failures = this.#addresses.get(keyOf(address));
    if (failures === undefined || failures.count < freeFailures) return 0;
    const wait = Math.min(delayMs.longest, delayMs.first * 2 ** (failures.count - freeFailures));
    return Math.max(0, failures.lastAt + wait - performance.now());
  }

  /** Returns the number of failures in a row. */
  failed(address: string): number {
    const key = keyOf(address);
    const now = performance.now();
    const previous = this.#addresses.get(key);
    const isRecent = previous !== undefined && now - previous.lastAt < forgetAfterMs;
    const count = isRecent ? previous.count + 1 : 1;
    // Kept in the order of the last failure.
    this.#addresses.delete(key);
    this.#addresses.set(key, { count, lastAt: now });
    const [oldest] = this.#addresses.keys();
    if (this.#addresses.size > maxAddresses && oldest !== undefined) this.#addresses.delete(oldest);
    return count;
  }

  succeeded(address: string): void {
    this.#addresses.delete(keyOf(address));
  }

  get size(): number {
    return this.#addresses.size;
  }
}

/** The /64 network of an IPv6 address: a client may use any address in it. */
function keyOf(address: string): string {
  const bare = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (!isIPv6(bare)) return bare;
  const [head = '', tail] = bare.split('::');
  const groups = head.split(':');
  const filled = tail === undefined ? groups : [...groups, ...Array<string>(4).fill('0')];
  return filled.slice(0, 4).join(':');
}

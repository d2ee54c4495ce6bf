import { isIPv6 } from 'node:net';

/** Failures that cost nothing: people mistype, and programs are set up. */
const FREE = 5;
/** Wait after the next failure, doubled with each further one, ms. */
const WAIT = { first: 500, longest: 5000 };
/** Without failures for this long an address begins anew, ms. */
const FORGOTTEN_AFTER = 10 * 60_000;
/** Addresses that are remembered; the one that failed longest ago makes room. */
const ADDRESSES = 1024;

interface Failures {
  readonly count: number;
  /** performance.now() */
  readonly lastAt: number;
}

/** Slows down those who guess passwords: per address, a wait that grows with each failure. */
export class FailedLogins {
  readonly #addresses = new Map<string, Failures>();

  /** How long this address has to wait before it may try again, ms. */
  wait(address: string): number {
    const failures = this.#addresses.get(keyOf(address));
    if (failures === undefined || failures.count < FREE) return 0;
    const wait = Math.min(WAIT.longest, WAIT.first * 2 ** (failures.count - FREE));
    return Math.max(0, failures.lastAt + wait - performance.now());
  }

  /** Gives how many in a row that makes. */
  failed(address: string): number {
    const key = keyOf(address);
    const now = performance.now();
    const before = this.#addresses.get(key);
    const isRecent = before !== undefined && now - before.lastAt < FORGOTTEN_AFTER;
    const count = isRecent ? before.count + 1 : 1;
    // Kept in the order of the last failure.
    this.#addresses.delete(key);
    this.#addresses.set(key, { count, lastAt: now });
    const [oldest] = this.#addresses.keys();
    if (this.#addresses.size > ADDRESSES && oldest !== undefined) this.#addresses.delete(oldest);
    return count;
  }

  succeeded(address: string): void {
    this.#addresses.delete(keyOf(address));
  }

  get size(): number {
    return this.#addresses.size;
  }
}

/** Who has one IPv6 address has all of its network. */
function keyOf(address: string): string {
  const bare = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (!isIPv6(bare)) return bare;
  const [head = '', tail] = bare.split('::');
  const groups = head.split(':');
  const filled = tail === undefined ? groups : [...groups, ...Array<string>(4).fill('0')];
  return filled.slice(0, 4).join(':');
}

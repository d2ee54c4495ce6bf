import { createHmac, randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { type ThreadTask, ThreadPool } from '../../runtime/threads/thread-pool.ts';
import type { PasswordQuestion } from './password-thread.ts';

/** Passwords that were right are remembered, so many. */
const maxKnown = 10_000;

/** All filters of a worker share it: their checks wait for each other, and no client for another. */
const threads = new ThreadPool<PasswordQuestion, boolean>('filters/access/password-thread', {
  maxWaiting: 1000,
  maxWaitingOfClient: 16,
  timeoutMs: 0,
});

/** A check under way, for everybody who has asked for it. */
interface Check {
  readonly task: ThreadTask<boolean>;
  asking: number;
}

/** Compares passwords with bcrypt hashes, never on this thread. */
export class PasswordChecker {
  /** The oldest first. */
  readonly #known = new Set<string>();
  readonly #key = randomBytes(32);
  readonly #checks = new Map<string, Check>();

  /** Whether this password was found to match before. */
  isKnown(password: string, hash: string): boolean {
    return this.#known.size > 0 && this.#known.has(this.#digest(password, hash));
  }

  /** Begins to compare for the client of that address. @throws TOO_BUSY when too many wait */
  check(password: string, hash: string, address: string): ThreadTask<boolean> {
    const digest = this.#digest(password, hash);
    let check = this.#checks.get(digest);
    if (check === undefined) {
      check = { task: threads.ask({ password, hash }, networkOf(address)), asking: 0 };
      this.#checks.set(digest, check);
      void this.#remember(digest, check);
    }
    const { task } = check;
    check.asking++;
    const ours = check;
    const cancel = (): void => {
      if (--ours.asking > 0) return;
      // Nobody joins it any more.
      if (this.#checks.get(digest) === ours) this.#checks.delete(digest);
      task.cancel();
    };
    return { answer: task.answer, cancel };
  }

  async #remember(digest: string, check: Check): Promise<void> {
    try {
      if (!(await check.task.answer)) return;
      this.#known.add(digest);
      const [oldest] = this.#known;
      if (this.#known.size > maxKnown && oldest !== undefined) this.#known.delete(oldest);
    } catch {
      // Those who have asked are told.
    } finally {
      if (this.#checks.get(digest) === check) this.#checks.delete(digest);
    }
  }

  #digest(password: string, hash: string): string {
    return createHmac('sha256', this.#key).update(`${hash}\0${password}`).digest('base64');
  }
}

/** The address of a client, or the network of 64 bits that one has of IPv6. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<string>(Math.max(0, missing)).fill('0'), ...after]
    .slice(0, 4)
    .join(':');
}

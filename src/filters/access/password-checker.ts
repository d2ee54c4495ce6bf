import { createHmac, randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { ownFile } from '../../package.ts';
import type { PasswordAnswer, PasswordQuestion } from './password-thread.ts';

/** Passwords that were right are remembered, so many. */
const maxKnown = 1000;
/** Checks that may wait; more are refused. */
const maxWaiting = 200;

interface Waiting {
  readonly resolve: (matches: boolean) => void;
  readonly reject: (error: Error) => void;
}

/** Compares passwords with bcrypt hashes, one after the other, and never on this thread. */
export class PasswordChecker {
  readonly #known = new Set<string>();
  readonly #key = randomBytes(32);
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | null = null;
  #last = 0;

  /** Whether so many wait that no more are taken. */
  get busy(): boolean {
    return this.#waiting.size >= maxWaiting;
  }

  /** Whether this password was found to match before. */
  isKnown(password: string, hash: string): boolean {
    return this.#known.size > 0 && this.#known.has(this.#digest(password, hash));
  }

  /** @throws when the thread fails. */
  async check(password: string, hash: string): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const id = ++this.#last;
    this.#waiting.set(id, { resolve, reject });
    const question: PasswordQuestion = { id, password, hash };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
    this.#running().postMessage(question);
    if (!(await promise)) return false;
    if (this.#known.size >= maxKnown) this.#known.clear();
    this.#known.add(this.#digest(password, hash));
    return true;
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
  }

  #running(): Worker {
    if (this.#thread !== null) return this.#thread;
    const thread = new Worker(ownFile('filters/access/password-thread'));
    thread.unref();
    thread.on('message', ({ id, matches }: PasswordAnswer) => {
      this.#waiting.get(id)?.resolve(matches);
      this.#waiting.delete(id);
    });
    const ended = (error: Error): void => {
      this.#thread = null;
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
    thread.on('error', ended);
    thread.on('exit', () => ended(new Error('the thread has ended')));
    return (this.#thread = thread);
  }

  #digest(password: string, hash: string): string {
    return createHmac('sha256', this.#key).update(`${hash}\0${password}`).digest('base64');
  }
}

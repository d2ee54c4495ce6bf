import type { DrainConfig } from '../config/types.ts';
import type { DrainReport } from '../ipc/messages.ts';
import { onceCaughtUp } from './caught-up.ts';
import type { Connection } from './connections.ts';

/** How often a drain looks at its connections, ms. */
const sweepInterval = 100;

/**
 * Waits until every connection has gone. A kept-alive connection is not closed while its client may
 * be sending: a request that meets a closing connection is lost. So each gets its next request
 * answered with `Connection: close`, and only those that stay quiet for `idle` from the drain's
 * begin or their last activity are ended; at `timeout` the rest is broken off.
 */
export class Drain {
  readonly #connections: ReadonlySet<Connection>;
  readonly #config: DrainConfig;
  readonly #startedAt = performance.now();
  readonly #settled = Promise.withResolvers<DrainReport>();
  readonly #counts = { answered: 0, quiet: 0, forced: 0 };
  readonly #timer: NodeJS.Timeout;
  readonly #pending: () => number;
  #accepting = true;

  /** `pending` counts connections that are accepted but not served yet, or being turned away. */
  constructor(connections: ReadonlySet<Connection>, config: DrainConfig, pending: () => number) {
    this.#pending = pending;
    this.#connections = connections;
    this.#config = config;
    for (const connection of connections) {
      connection.observe(this.#startedAt);
      connection.announceEnd();
    }
    this.#timer = setInterval(() => this.#sweep(), sweepInterval);
  }

  get done(): Promise<DrainReport> {
    return this.#settled.promise;
  }

  /** No new connections come any more. */
  closedToNew(): void {
    this.#accepting = false;
    this.#settle();
  }

  /** A connection has gone. */
  gone(connection: Connection): void {
    this.#counts[connection.ending]++;
    this.#settle();
  }

  #sweep(): void {
    const now = performance.now();
    let quiet = false;
    const over = now - this.#startedAt >= this.#config.timeout;
    for (const connection of this.#connections) {
      if (over) {
        connection.ending = 'forced';
        connection.destroy();
        continue;
      }
      connection.observe(now);
      quiet ||= this.#isQuiet(connection, now);
    }
    if (quiet) onceCaughtUp(() => this.#endQuiet());
    this.#settle();
  }

  #endQuiet(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      connection.observe(now);
      if (this.#isQuiet(connection, now)) connection.close();
    }
  }

  #isQuiet(connection: Connection, now: number): boolean {
    if (connection.closing || connection.doing !== 'idle') return false;
    return now - Math.max(connection.lastActivity, this.#startedAt) >= this.#config.idle;
  }

  #settle(): void {
    if (this.#accepting || this.#connections.size > 0 || this.#pending() > 0) return;
    clearInterval(this.#timer);
    this.#settled.resolve(this.#counts);
  }
}

import type { DrainConfig } from '../../config/types.ts';
import type { DrainReport } from '../../ipc/messages.ts';
import { onceCaughtUp } from '../../runtime/after-poll.ts';
import type { Connection } from './connection.ts';

/** How often a drain looks at its connections, ms. */
const sweepInterval = 100;
/**
 * Clients that ask regularly, with pauses of up to so many times `idle`, are waited for until they are
 * late by a half: else the end of the quiet ones would meet the next request of each.
 */
const waitedPause = 1.5;
/** Connections that are ended before another look at what has arrived. */
const endedAtOnce = 4;

/** The connections of an entry, which come and go. */
type Connections = Iterable<Connection> & { readonly size: number };

/**
 * Waits until every connection has gone. A kept-alive connection is not closed while its client may
 * be sending: a request that meets a closing connection is lost. So each gets its next request
 * answered with `Connection: close`, and only those that stay quiet for `idle` from the drain's
 * begin or their last activity are ended, but not at the time when their next request is due; at
 * `timeout` the rest is broken off.
 */
export class Drain {
  readonly #connections: Connections;
  readonly #config: DrainConfig;
  readonly #startedAt = performance.now();
  readonly #settled = Promise.withResolvers<DrainReport>();
  readonly #counts = { answered: 0, quiet: 0, forced: 0 };
  readonly #timer: NodeJS.Timeout;
  readonly #pending: () => number;
  #accepting = true;
  #ending = false;

  /** `pending` counts connections that are accepted but not served yet, or being turned away. */
  constructor(connections: Connections, config: DrainConfig, pending: () => number) {
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
    if (quiet && !this.#ending) this.#endQuiet();
    this.#settle();
  }

  /**
   * Ends quiet connections, a few at a time: a request that arrives while others are being ended is
   * seen before its own connection's turn comes.
   */
  #endQuiet(): void {
    this.#ending = true;
    onceCaughtUp(() => {
      const now = performance.now();
      let left = endedAtOnce;
      for (const connection of this.#connections) {
        connection.observe(now);
        if (!this.#isQuiet(connection, now)) continue;
        if (left === 0) {
          this.#endQuiet();
          return;
        }
        left--;
        connection.close();
      }
      this.#ending = false;
    });
  }

  #isQuiet(connection: Connection, now: number): boolean {
    if (connection.closing || connection.doing !== 'idle') return false;
    const { idle } = this.#config;
    const { lastActivity, pause } = connection;
    if (now - Math.max(lastActivity, this.#startedAt) < idle) return false;
    return pause > idle * waitedPause || now - lastActivity >= pause * 1.5;
  }

  #settle(): void {
    if (this.#accepting || this.#connections.size > 0 || this.#pending() > 0) return;
    clearInterval(this.#timer);
    this.#settled.resolve(this.#counts);
  }
}

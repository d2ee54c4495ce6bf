import { type DrainCause, drainTimeMs } from '../../config/drain-time.ts';
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
/** A request that has lasted for this long since the drain began is a stream, ms. */
const streamAfterMs = 1000;

/** How an entry lets its connections go. */
export interface DrainOptions {
  readonly cause: DrainCause;
  /** Called once, when only streams are left: tunnels, and requests that take long. */
  readonly onlyStreams?: () => void;
}

/** How an entry is drained. */
export interface EntryDrainOptions extends DrainOptions {
  /** Called when what was queued has been accepted, and nothing more will be. */
  readonly closedToNew?: () => void;
}

/** The connections of an entry, which come and go. */
type Connections = Iterable<Connection> & { readonly size: number };

/**
 * Waits until every connection has gone. A kept-alive connection is not closed while its client may
 * be sending: a request that meets a closing connection is lost. So each gets its next request
 * answered with `Connection: close`, and only those that stay quiet for `idle` from the drain's
 * begin or their last activity are ended, but not at the time when their next request is due. The rest
 * is ended when its time is over, if there is a limit at all.
 */
export class Drain {
  readonly #connections: Connections;
  readonly #config: DrainConfig;
  readonly #startedAt = performance.now();
  readonly #settled = Promise.withResolvers<DrainReport>();
  readonly #counts = { answered: 0, quiet: 0, forced: 0 };
  readonly #timer: NodeJS.Timeout;
  readonly #pending: () => number;
  /** When what is left is ended, by performance.now(). */
  #endsAt: number;
  readonly #onlyStreams: (() => void) | undefined;
  #hasOnlyStreams = false;
  #accepting = true;
  #ending = false;

  /** `pending` counts connections that are accepted but not served yet, or being turned away. */
  constructor(
    connections: Connections,
    config: DrainConfig,
    pending: () => number,
    { cause, onlyStreams }: DrainOptions,
  ) {
    this.#endsAt = this.#startedAt + drainTimeMs(config, cause);
    this.#onlyStreams = onlyStreams;
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

  /** The gateway stops: what is left has the time that this gives. */
  stop(): void {
    const endsAt = performance.now() + drainTimeMs(this.#config, 'stopping');
    this.#endsAt = Math.min(this.#endsAt, endsAt);
  }

  /** Ends the streams that are left now; quiet connections go as they would. */
  endStreams(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      if (this.#isStream(connection, now)) connection.endNow();
    }
  }

  /** A connection has gone. */
  gone(connection: Connection): void {
    this.#counts[connection.ending]++;
    this.#settle();
  }

  #sweep(): void {
    const now = performance.now();
    let quiet = false;
    let onlyStreams = !this.#accepting;
    const over = now >= this.#endsAt;
    for (const connection of this.#connections) {
      if (over) {
        connection.endNow();
        continue;
      }
      connection.observe(now);
      quiet ||= this.#isQuiet(connection, now);
      onlyStreams &&= this.#isStream(connection, now);
    }
    if (onlyStreams) this.#tellOnlyStreams();
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

  #isStream(connection: Connection, now: number): boolean {
    const { doing } = connection;
    return doing === 'upgraded' || (doing !== 'idle' && now - this.#startedAt >= streamAfterMs);
  }

  #tellOnlyStreams(): void {
    if (this.#hasOnlyStreams) return;
    this.#hasOnlyStreams = true;
    this.#onlyStreams?.();
  }

  #settle(): void {
    if (this.#accepting || this.#connections.size > 0 || this.#pending() > 0) return;
    clearInterval(this.#timer);
    this.#tellOnlyStreams();
    this.#settled.resolve(this.#counts);
  }
}

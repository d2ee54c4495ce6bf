import { type Timed, clock } from '../../runtime/deadline-timers.ts';
import type { EntryLimits } from '../../config/types.ts';
import { onceCaughtUp } from '../../runtime/after-poll.ts';
import type { Connection } from './connection.ts';
import { readSendQueues } from '../../runtime/sockets/tcp-send-queues.ts';

/** How often all connections are looked at, ms; more often where a limit is short. */
const usualInterval = 250;

/**
 * The time limits of an entry that no other clock keeps: one look at every connection now and then,
 * instead of a timer for each request. A limit is never enforced early, and late by a few looks;
 * write_timeout by half of its time, because the system's own buffer is looked at as well.
 */
export class TimeLimits implements Timed {
  deadline = 0;
  place = -1;
  readonly #connections: Iterable<Connection>;
  readonly #limits: EntryLimits;
  readonly #interval: number;
  /** When what the system holds may be looked at again, in the clock's time. */
  #nextReading = 0;

  constructor(connections: Iterable<Connection>, limits: EntryLimits) {
    this.#connections = connections;
    this.#limits = limits;
    const { read_timeout, write_timeout, idle_timeout, head_timeout, request_timeout } = limits;
    const all = [read_timeout, write_timeout, idle_timeout, head_timeout, request_timeout];
    const shortest = Math.min(...all.filter((limit) => limit > 0));
    this.#interval = Math.max(1, Math.min(usualInterval, shortest / 4));
  }

  start(): void {
    clock.add(this);
  }

  stop(): void {
    clock.delete(this);
  }

  expire(): void {
    this.deadline = clock.deadline(this.#interval);
    let due = false;
    let doubtful = false;
    const { now } = clock;
    const { write_timeout } = this.#limits;
    for (const connection of this.#connections) {
      due = connection.multiplex?.isLate(now) || due;
      if (write_timeout === 0) continue;
      doubtful = connection.stalled(now) >= write_timeout / 2 || doubtful;
    }
    if (due) onceCaughtUp(() => this.#endLate());
    if (doubtful && now >= this.#nextReading) void this.#endStalled();
  }

  #endLate(): void {
    const { now } = clock;
    for (const { multiplex } of this.#connections) {
      if (multiplex?.isLate(now)) multiplex.endLate(now);
    }
  }

  /** Closes connections whose clients have taken nothing for too long, by what the system says. */
  async #endStalled(): Promise<void> {
    const { write_timeout } = this.#limits;
    this.#nextReading = Infinity;
    const queues = await readSendQueues();
    const { now } = clock;
    this.#nextReading = now + write_timeout / 10;
    for (const connection of this.#connections) {
      const stalled = connection.stalled(now);
      if (stalled < write_timeout / 2) continue;
      connection.intake.compare(queues, now);
      if (connection.stalled(now) >= write_timeout) connection.destroy();
    }
  }
}

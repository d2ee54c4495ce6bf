import { performance } from 'node:perf_hooks';
import { DenseSet, type Placed } from './swap-remove-set.ts';

/** Something that must not last longer than its deadline. */
export interface Timed extends Placed {
  /** In `clock.now` time, from `clock.deadline`; Infinity for none. */
  deadline: number;
  /** Called when the deadline has passed; `deadline` is Infinity again by then. */
  expire(): void;
}

const tick = 50;

/**
 * One coarse timer for all deadlines of the process: a connection sets a number per request instead
 * of arming a timer, and the clock looks at every connection each tick. A deadline never fires early
 * and at most two ticks late. The clock counts a blocked event loop as two ticks at most, since what
 * arrived meanwhile has not been read yet.
 */
class CoarseClock {
  now = 0;
  readonly #timed = new DenseSet<Timed>();
  #interval: NodeJS.Timeout | null = null;
  #last = 0;

  add(timed: Timed): void {
    this.#timed.add(timed);
    if (this.#interval !== null) return;
    this.#last = performance.now();
    this.#interval = setInterval(() => this.#sweep(), tick);
    this.#interval.unref();
  }

  delete(timed: Timed): void {
    this.#timed.delete(timed);
    if (this.#timed.size > 0 || this.#interval === null) return;
    clearInterval(this.#interval);
    this.#interval = null;
  }

  /** The deadline `milliseconds` from now; 0 gives none. */
  deadline(milliseconds: number): number {
    return milliseconds === 0 ? Infinity : this.now + milliseconds + tick;
  }

  #sweep(): void {
    const now = performance.now();
    this.now += Math.min(now - this.#last, 2 * tick);
    this.#last = now;
    // From the end: what takes the place of one that leaves has been looked at.
    for (let place = this.#timed.size - 1; place >= 0; place--) {
      const timed = this.#timed.at(place);
      if (timed === null || timed.deadline > this.now) continue;
      timed.deadline = Infinity;
      timed.expire();
    }
  }
}

export const clock = new CoarseClock();

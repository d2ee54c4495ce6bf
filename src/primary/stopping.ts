import type { Log } from '../log.ts';

/** A signal can come twice at once: from a terminal and from a parent that passes it on, ms. */
const SAME_SIGNAL = 250;

/** What stopping does to a gateway. */
export interface StopActions {
  readonly log: Log;
  /** How long the gateway goes on accepting after it was told to stop, ms. */
  delay(): number;
  /** Whether it drains for another reason: it has failed, or was replaced. */
  isOver(): boolean;
  /** Accepts nothing more, and finishes what there is. */
  drain(): void;
  /** Breaks everything off. */
  endAtOnce(): void;
}

/** Wishes to stop: the first one stops, after a delay where one is configured, the second at once. */
export class Stopping {
  readonly #actions: StopActions;
  #askedAt = 0;
  #isDraining = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(actions: StopActions) {
    this.#actions = actions;
  }

  /** Whether somebody has asked for it; while a delay lasts, the gateway serves nonetheless. */
  get isAsked(): boolean {
    return this.#askedAt > 0;
  }

  ask(): void {
    const before = this.#askedAt;
    this.#askedAt ||= performance.now();
    if (before > 0 || this.#actions.isOver()) {
      // For one that drains anyway, too, it is the second signal that counts.
      if (before === 0 || performance.now() - before < SAME_SIGNAL) return;
      this.#actions.log.warn('stopping at once');
      this.#drain();
      this.#actions.endAtOnce();
      return;
    }
    const delayMs = this.#actions.delay();
    if (delayMs === 0) {
      this.#drain();
      return;
    }
    this.#actions.log.info(`stopping in ${delayMs / 1000} s; until then connections are accepted`);
    this.#timer = setTimeout(() => this.#drain(), delayMs);
  }

  /** The gateway drains for another reason. */
  close(): void {
    clearTimeout(this.#timer);
    this.#isDraining = true;
  }

  #drain(): void {
    clearTimeout(this.#timer);
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#actions.drain();
  }
}

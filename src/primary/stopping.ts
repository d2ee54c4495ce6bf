import type { Log } from '../log.ts';

/** A signal can come twice at once: from a terminal and from a parent that passes it on. */
const sameSignalMs = 250;

/** The gateway, as far as stopping it concerns it. */
export interface StoppableGateway {
  /** How long it goes on accepting connections after a request to stop. */
  readonly shutdownDelayMs: number;
  /** Whether it drains already: because it stops, has failed, or was replaced. */
  readonly isEnding: boolean;
  /** Accepts no more connections, and finishes those it has. */
  drain(): void;
  /** Ends every worker and connection. */
  killNow(): void;
}

/** Requests to stop: the first one drains, after a delay where one is configured, the second kills. */
export class Stopping {
  readonly #gateway: StoppableGateway;
  readonly #log: Log;
  #requestedAt = 0;
  #isDraining = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(gateway: StoppableGateway, log: Log) {
    this.#gateway = gateway;
    this.#log = log;
  }

  /** While a delay lasts, the gateway serves nonetheless. */
  get isRequested(): boolean {
    return this.#requestedAt > 0;
  }

  request(): void {
    const previous = this.#requestedAt;
    this.#requestedAt ||= performance.now();
    if (previous > 0 || this.#gateway.isEnding) {
      // Also where it drains for another reason, it is the second signal that kills.
      if (previous === 0 || performance.now() - previous < sameSignalMs) return;
      this.#log.warn('stopping at once');
      this.#drain();
      this.#gateway.killNow();
      return;
    }
    const delayMs = this.#gateway.shutdownDelayMs;
    if (delayMs === 0) {
      this.#drain();
      return;
    }
    this.#log.info(`stopping in ${delayMs / 1000} s; until then connections are accepted`);
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
    this.#gateway.drain();
  }
}

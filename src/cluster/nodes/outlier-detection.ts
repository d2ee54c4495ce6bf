import { performance } from 'node:perf_hooks';
import type { Log } from '../../log.ts';

/** Failures in a row that eject a node which still takes connections. */
const tolerated = 3;
/** First ejection, ms; each that follows without a success in between is twice as long. */
const firstEjection = 1000;
const longestEjection = 30_000;
/** How long the one request that tries an ejected node may take before another tries it, ms. */
const trialTime = 10_000;

/** Called when a node is ejected. */
export type EjectionListener = () => void;

/**
 * What requests, and whoever checks it, have shown of one node. A node that fails is ejected: it gets no requests for a
 * while, then a single one, whose outcome decides.
 */
export class NodeHealth {
  readonly #node: string;
  readonly #log: Log;
  #failures = 0;
  #ejections = 0;
  /** performance.now() at which the next request may try the node; 0 for a node in use. */
  #trialAt = 0;
  /** Whether a request is trying the ejected node. */
  #trying = false;
  /** Whether an answer to a check is enough to use the ejected node again. */
  #unreachable = false;
  readonly #onEjected: EjectionListener | undefined;

  constructor(node: string, log: Log, onEjected?: EjectionListener) {
    this.#node = node;
    this.#log = log;
    this.#onEjected = onEjected;
  }

  get ejected(): boolean {
    return this.#trialAt !== 0;
  }

  /** Whether the node may be given a request. */
  get available(): boolean {
    return this.#trialAt === 0 || performance.now() >= this.#trialAt;
  }

  /** The node is given a request. */
  chosen(): void {
    if (this.#trialAt === 0) return;
    this.#trying = true;
    this.#trialAt = performance.now() + trialTime;
  }

  succeeded(): void {
    this.#failures = 0;
    if (this.#trialAt === 0) return;
    this.#trialAt = 0;
    this.#trying = false;
    this.#unreachable = false;
    this.#ejections = 0;
    this.#log.info({ node: this.#node }, 'node answers again');
  }

  /**
   * What a check of the node has shown. A node that fails requests but answers checks is left to
   * its requests.
   * @param validFor how long the node is left out if nothing more is heard, ms
   */
  checked(up: boolean, reason: string | null, validFor: number): void {
    if (up) {
      if (this.#unreachable) this.succeeded();
      return;
    }
    if (!this.ejected) {
      this.#log.warn({ node: this.#node, reason }, 'node is left out for it fails its check');
    }
    this.#unreachable = true;
    this.#trying = false;
    this.#trialAt = Math.max(this.#trialAt, performance.now() + validFor);
  }

  /** The node's own failure. `unreachable`: it takes no connections, so one failure is enough. */
  failed(reason: string, unreachable: boolean): void {
    this.#failures++;
    if (!unreachable && this.#trialAt === 0 && this.#failures < tolerated) return;
    const first = this.#trialAt === 0;
    // Requests that were under way when the node was ejected tell nothing new.
    if (!first && !this.#trying) return;
    this.#trying = false;
    const duration = Math.min(firstEjection * 2 ** this.#ejections, longestEjection);
    this.#ejections = Math.min(this.#ejections + 1, 16);
    this.#trialAt = performance.now() + duration;
    this.#unreachable = unreachable;
    if (!first) return;
    this.#log.warn({ node: this.#node, reason }, 'node is left out for it fails');
    this.#onEjected?.();
  }
}

import { type ProcessActivity, readActivity } from './process-activity.ts';

/** Between two looks at the workers. */
const maxIntervalMs = 1000;
const minIntervalMs = 50;
/** Signs of life within a worker's heartbeat_timeout. */
const beatsPerTimeout = 5;
/** Silence after which a worker no longer counts as one that serves, at most. */
const unresponsiveAfterMs = 3000;

/** How often a worker gives a sign of life, ms. */
export function beatInterval(timeoutMs: number): number {
  return Math.min(maxIntervalMs, Math.max(minIntervalMs, timeoutMs / beatsPerTimeout));
}

/**
 * How long a worker has been silent for reasons of its own. Time in which the primary does not look
 * does not count, nor does time for which the worker waits for a processor: a busy machine is no reason
 * to kill it.
 */
export class Silence {
  /** ms */
  lasted = 0;
  /** Activity of the worker at the last look. */
  activity: ProcessActivity | null = null;
  #heard = true;

  /** A sign of life. */
  end(): void {
    this.lasted = 0;
    this.#heard = true;
  }

  /** @param elapsed since the last look, ms */
  look(pid: number, elapsed: number, read = readActivity): void {
    if (this.#heard) {
      this.#heard = false;
      this.activity = null;
      return;
    }
    const before = this.activity;
    const now = read(pid);
    this.activity = now;
    const waits = now?.state === 'R';
    const ran = now && before ? now.processorMs - before.processorMs : 0;
    this.lasted += waits ? Math.min(ran, elapsed) : elapsed;
  }
}

/** A worker, as far as its heartbeats concern it. */
export interface WatchedWorker {
  readonly pid: number;
  readonly stage: string;
  readonly silence: Silence;
  /** Silence after which it is killed, ms; 0 for never. */
  readonly heartbeatTimeout: number;
  hung: boolean;
  setResponsive(responsive: boolean): void;
}

/** Acts on the observations. */
export interface HeartbeatListener<Worker extends WatchedWorker> {
  readonly alive: Iterable<Worker>;
  onHung(worker: Worker): void;
  /** Called with each look. @param elapsed since the last one, ms */
  onLook(elapsed: number): void;
}

/** Looks at regular intervals which workers have given a sign of life. */
export class Heartbeats<Worker extends WatchedWorker> {
  readonly #listener: HeartbeatListener<Worker>;
  #timer: NodeJS.Timeout | null = null;
  #lookedAt = performance.now();

  constructor(listener: HeartbeatListener<Worker>) {
    this.#listener = listener;
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#lookedAt = performance.now();
    this.#wait();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #wait(): void {
    const timeouts = Array.from(this.#listener.alive, (worker) => worker.heartbeatTimeout);
    const shortest = Math.min(...timeouts.filter((timeout) => timeout > 0));
    this.#timer = setTimeout(() => {
      this.#look(beatInterval(shortest));
      this.#wait();
    }, beatInterval(shortest));
    this.#timer.unref();
  }

  #look(interval: number): void {
    const now = performance.now();
    // A longer time means that this process was stopped, or had no processor: messages of workers
    // that arrived meanwhile are still to be read.
    const elapsed = Math.min(now - this.#lookedAt, 1.5 * interval);
    this.#lookedAt = now;
    for (const worker of this.#listener.alive) this.#lookAt(worker, elapsed);
    this.#listener.onLook(elapsed);
  }

  #lookAt(worker: Worker, elapsed: number): void {
    const { heartbeatTimeout, silence, stage } = worker;
    if (heartbeatTimeout === 0 || (stage !== 'ready' && stage !== 'draining')) return;
    silence.look(worker.pid, elapsed);
    const limit = Math.min(unresponsiveAfterMs, heartbeatTimeout / 2);
    if (silence.lasted > limit) worker.setResponsive(false);
    if (silence.lasted > heartbeatTimeout && !worker.hung) {
      worker.hung = true;
      this.#listener.onHung(worker);
    }
  }
}

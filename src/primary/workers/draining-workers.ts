import type { DrainCause } from '../../config/drain-time.ts';
import { memoryLimitBytes } from '../../runtime/processes/memory-limit.ts';
import type { DrainStats } from '../reload/record.ts';
import type { DrainingPrimary } from '../upgrade/draining-primary.ts';
import type { WorkerHandle } from './worker-handle.ts';

/** Part of the gateway's memory that workers which were replaced may have, where nothing is set. */
const defaultMemoryShare = 0.25;

/** Settles when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Workers that finish what they have, here and in the primary that this one replaced. */
export class DrainingWorkers {
  /** The primary that this one replaced, while its workers drain. */
  predecessor: DrainingPrimary | null = null;
  readonly #stats = new Map<WorkerHandle, DrainStats | null>();

  [Symbol.iterator](): Iterator<WorkerHandle> {
    return this.#stats.keys();
  }

  has(worker: WorkerHandle): boolean {
    return this.#stats.has(worker);
  }

  /** Drains a worker; its report is added to `stats`. */
  drain(worker: WorkerHandle, stats: DrainStats | null, cause: DrainCause): void {
    if (worker.stage === 'gone') return;
    if (!this.#stats.has(worker)) this.#stats.set(worker, stats);
    worker.drain(cause);
  }

  /** A worker has ended. @param hasDrained whether that was after a drain */
  remove(worker: WorkerHandle, hasDrained: boolean): void {
    if (hasDrained) this.#stats.get(worker)?.add(worker.drainReport);
    this.#stats.delete(worker);
  }

  /** Whether workers of another generation than this have more than streams to finish. */
  holds(generation: number): boolean {
    if (this.predecessor && !this.predecessor.hasOnlyStreams) return true;
    return [...this].some(
      (worker) => worker.generation.number !== generation && !worker.hasOnlyStreams,
    );
  }

  /** Settles when that is no longer so, or `stop` is aborted. */
  async drained(generation: number, stop: AbortSignal): Promise<void> {
    const stopped = aborted(stop);
    while (this.holds(generation) && !stop.aborted) {
      const parts = [this.settled()];
      if (this.predecessor) parts.push(this.predecessor.settled);
      // oxlint-disable-next-line no-await-in-loop -- other workers may drain by then
      await Promise.race([Promise.all(parts), stopped]);
    }
  }

  /** Settles when every worker that drains now has only streams left, or has ended. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this, (worker) => worker.settled));
  }

  /**
   * Ends the streams of the oldest generations when their workers are more than the newest
   * generation's configuration allows.
   */
  limit(serving: readonly WorkerHandle[]): void {
    const byGeneration = Map.groupBy(this, ({ generation }) => generation.number);
    if (byGeneration.size === 0) return;
    const newest = serving.toSorted((a, b) => b.generation.number - a.generation.number)[0];
    if (newest === undefined) return;
    const { max_draining_generations, max_draining_memory } = newest.generation.config.supervision;
    const maxMemory = max_draining_memory || defaultMemoryShare * memoryLimitBytes();
    let count = 0;
    let memory = 0;
    for (const number of [...byGeneration.keys()].toSorted((a, b) => b - a)) {
      const workers = byGeneration.get(number) ?? [];
      count++;
      for (const worker of workers) memory += worker.memory;
      if (count <= max_draining_generations && memory <= maxMemory) continue;
      for (const worker of workers) worker.endStreams();
    }
  }
}

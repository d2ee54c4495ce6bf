import { memoryLimitBytes } from '../../runtime/processes/memory-limit.ts';
import type { WorkerHandle } from './worker-handle.ts';

/** Part of the gateway's memory that workers which were replaced may have, where nothing is set. */
const shareOfMemory = 0.25;

/**
 * Has the oldest generations end their streams where too many workers live on for these. The limits
 * are those of the newest generation that serves.
 */
export function limitDraining(
  draining: Iterable<WorkerHandle>,
  serving: readonly WorkerHandle[],
): void {
  const byGeneration = Map.groupBy(draining, ({ generation }) => generation.number);
  if (byGeneration.size === 0) return;
  const newest = serving.toSorted((a, b) => b.generation.number - a.generation.number)[0];
  if (newest === undefined) return;
  const { max_draining_generations, max_draining_memory } = newest.generation.config.supervision;
  const maxMemory = max_draining_memory || shareOfMemory * memoryLimitBytes();
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

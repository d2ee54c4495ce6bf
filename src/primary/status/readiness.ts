import type { Generation } from '../generation.ts';
import type { Pool } from '../workers/pool.ts';

/** How long no worker may have served before the gateway counts as one that does not recover, ms. */
const RECOVERY = 60_000;

/**
 * Why clients should not be sent here, or null when they should: every entry is served by a worker
 * that responds, and the gateway is not stopping.
 */
export function whyNotReady(
  generation: Generation | null,
  pool: Pool,
  stopping: boolean,
): string | null {
  if (stopping) return 'stopping';
  if (!generation) return 'starting';
  const serving = pool.slots.serving.filter(({ serves }) => serves);
  if (serving.length === 0) return 'no worker serves';
  // In the middle of a reload some workers serve other entries than others.
  const served = new Set(serving.flatMap((worker) => worker.sockets.map(({ entry }) => entry)));
  const left = generation.config.entry.filter(({ name }) => !served.has(name));
  return left.length === 0 ? null : `no worker serves entry ${left.map(({ name }) => name).join()}`;
}

/**
 * Why this process should be started anew, or null: it has had no worker that serves for so long that
 * it will not get one by itself, as when its program is damaged.
 */
export function whyNotHealthy({ unservedMs }: Pool): string | null {
  if (unservedMs < RECOVERY) return null;
  return `no worker has served for ${Math.round(unservedMs / 1000)} s`;
}

import type { Generation } from '../generation.ts';
import type { Pool } from '../workers/pool.ts';

/** A gateway without a worker that serves for this long does not recover. */
const recoveryTimeoutMs = 60_000;

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
 * Why this process should be restarted, or null: no worker has served for so long that it will not
 * recover by itself, for example because the program is damaged.
 */
export function whyNotHealthy({ unservedMs }: Pool): string | null {
  if (unservedMs < recoveryTimeoutMs) return null;
  return `no worker has served for ${Math.round(unservedMs / 1000)} s`;
}

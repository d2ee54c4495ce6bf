import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayError } from '../../errors.ts';
import { type Generation, slotsOf } from '../generation.ts';
import type { Pool } from './pool.ts';
import { describeExit } from './worker-handle.ts';

/** Crashes, over all workers, after which a gateway that starts gives up. */
const maxCrashes = 5;
/** Delay after the first crash, doubled with each further one. */
const retryDelayMs = 100;

/**
 * Starts the first generation's workers, and settles when all of them serve.
 * @throws WORKER_NOT_READY when one refuses its configuration, WORKER_CRASH_LOOP
 */
export async function bootWorkers(
  generation: Generation,
  pool: Pool,
  stop: AbortSignal,
): Promise<void> {
  let crashes = 0;
  const fill = async (slot: number): Promise<void> => {
    for (;;) {
      stop.throwIfAborted();
      const worker = pool.fork(generation, slot);
      try {
        await worker.ready;
        pool.slots.promote(worker);
        return;
      } catch (error) {
        if (worker.startFailure !== 'died') throw error;
        crashes++;
        const reason = `worker ${slot} ended ${describeExit(await worker.gone)}`;
        if (crashes >= maxCrashes) throw new GatewayError('WORKER_CRASH_LOOP', { reason }, error);
        await sleep(retryDelayMs * 2 ** (crashes - 1), undefined, { signal: stop });
      }
    }
  };
  await Promise.all(Array.from({ length: slotsOf(generation) }, (_, slot) => fill(slot)));
}

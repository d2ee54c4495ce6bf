import { GatewayError, reasonOf } from '../../errors.ts';
import type { DrainAccount } from './drain-stats.ts';
import type { SlotTiming } from './record.ts';
import type { Generation } from '../generation.ts';
import { slotsOf } from '../generation.ts';
import { aborted, type Pool } from '../workers/pool.ts';
import type { WorkerHandle } from '../workers/worker-handle.ts';

/** Starts of one slot that may be killed from outside before it counts as a failure. */
const TRIES = 3;
/** How long the last old workers are waited for to accept nothing more, ms. */
const CLOSING = 15_000;
/** How long putting a slot back is waited for before it goes on in the background, ms. */
const ROLLBACK_PATIENCE = 60_000;

export interface Rollout {
  readonly from: Generation;
  readonly to: Generation;
  readonly pool: Pool;
  /** Aborted when the gateway stops: then nothing is put back. */
  readonly stop: AbortSignal;
  /** Gets how the replaced workers' connections end, also after the rollout. */
  readonly account: DrainAccount;
  /** Gets each slot as it is replaced. */
  readonly timings: SlotTiming[];
  /** Called when every new worker serves, before the last old ones drain: gives up old sockets. */
  commit(): void;
}

/**
 * Generation N → N+1, slot by slot: a new worker serves beside the old one on the same sockets
 * before the old one is told to drain, so capacity never falls and no socket is left alone.
 * @throws WORKER_NOT_READY when the first new worker failed, so that nothing was touched;
 *   ROLLOUT_FAILED when a later one did, and the slots replaced were put back to N
 */
export async function rollOut(rollout: Rollout): Promise<void> {
  const { to, pool, stop, timings, account } = rollout;
  /** Workers of N that still serve because they hold sockets that no new worker has yet. */
  const leftovers = new Set<WorkerHandle>();
  const served = new Set<number>();
  const replaced: number[] = [];
  const drainCovered = (): void => {
    for (const old of leftovers) {
      if (!old.sockets.every(({ socket }) => served.has(socket.id))) continue;
      leftovers.delete(old);
      pool.drain(old, account);
    }
  };

  for (let slot = 0; slot < slotsOf(to); slot++) {
    const began = performance.now();
    try {
      const worker = await start(rollout, slot);
      const before = pool.install(worker);
      replaced.push(slot);
      timings.push({ slot, pid: worker.pid, took: Math.round(performance.now() - began) });
      for (const { socket } of worker.sockets) served.add(socket.id);
      if (before) leftovers.add(before);
      drainCovered();
    } catch (error) {
      if (!stop.aborted) await rollBack(rollout, replaced, leftovers);
      if (replaced.length === 0) throw error;
      const { number: generation } = to;
      throw new GatewayError('ROLLOUT_FAILED', { generation, reason: reasonOf(error) }, error);
    }
  }
  for (let slot = slotsOf(to); slot < slotsOf(rollout.from); slot++) {
    const before = pool.dissolve(slot);
    if (before) leftovers.add(before);
  }
  // Sockets given up here live on in the leftovers until these have accepted what is queued.
  rollout.commit();
  for (const old of leftovers) pool.drain(old, account);
  // Whoever is told that the reload is done meets the new generation only.
  const closed = Promise.all([...pool.draining.keys()].map(({ closedToNew }) => closedToNew));
  await Promise.race([closed, aborted(AbortSignal.any([stop, AbortSignal.timeout(CLOSING)]))]);
}

/** A ready worker for the slot. One that is killed by a signal is no verdict on its configuration. */
async function start({ to, pool, stop }: Rollout, slot: number): Promise<WorkerHandle> {
  for (let attempt = 1; ; attempt++) {
    stop.throwIfAborted();
    const worker = pool.fork(to, slot);
    try {
      await worker.ready;
      return worker;
    } catch (error) {
      const { signal } = await worker.gone;
      const killed = worker.startFailure === 'died' && signal === 'SIGKILL';
      if (!killed || attempt === TRIES) throw error;
    }
  }
}

/** Puts the slots that were replaced back to N, again one by one. */
async function rollBack(
  { from, pool, stop, account }: Rollout,
  replaced: readonly number[],
  leftovers: ReadonlySet<WorkerHandle>,
): Promise<void> {
  const patience = AbortSignal.any([stop, AbortSignal.timeout(ROLLBACK_PATIENCE)]);
  for (const slot of replaced) {
    if (slot < slotsOf(from)) {
      const old = [...leftovers].find((left) => left.slot === slot && left.stage === 'ready');
      const before = old ? pool.install(old) : null;
      if (before) pool.drain(before, account);
      if (!old) await Promise.race([pool.refill(slot, from), aborted(patience)]);
    } else {
      const extra = pool.dissolve(slot);
      if (extra) pool.drain(extra, account);
    }
  }
}

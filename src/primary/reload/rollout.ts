import { GatewayError, reasonOf } from '../../errors.ts';
import { type Generation, slotsOf } from '../generation.ts';
import { aborted } from '../workers/draining-workers.ts';
import type { Pool } from '../workers/pool.ts';
import type { WorkerHandle } from '../workers/worker-handle.ts';
import type { ReloadDraft } from './record.ts';

/** Starts of one slot that may be killed from outside before it counts as a failure. */
const maxStarts = 3;
/** How long to wait until the last old workers accept no more connections. */
const closingTimeoutMs = 15_000;
/** How long to wait for a slot to be put back, which then goes on in the background. */
const rollbackTimeoutMs = 60_000;

/**
 * Replaces generation N by N+1, slot by slot: a new worker serves beside the old one on the same
 * sockets before the old one drains, so capacity never falls and no socket is left alone.
 */
export class Rollout {
  readonly #from: Generation;
  readonly #to: Generation;
  readonly #pool: Pool;
  /** Gets each slot as it is replaced, and how the replaced workers' connections end. */
  readonly #draft: ReloadDraft;
  readonly #stop: AbortSignal;
  /** Workers of N that still serve because they hold sockets that no new worker has yet. */
  readonly #leftovers = new Set<WorkerHandle>();
  /** Sockets of the new workers, by id. */
  readonly #served = new Set<number>();
  readonly #replaced: number[] = [];

  /** @param stop aborted when the gateway stops: then nothing is put back */
  constructor(from: Generation, to: Generation, pool: Pool, draft: ReloadDraft, stop: AbortSignal) {
    this.#from = from;
    this.#to = to;
    this.#pool = pool;
    this.#draft = draft;
    this.#stop = stop;
  }

  /**
   * Settles when every new worker serves.
   * @throws WORKER_NOT_READY when the first new worker failed, so that nothing was touched;
   *   ROLLOUT_FAILED when a later one did, and the slots replaced were put back to N
   */
  async replaceWorkers(): Promise<void> {
    const slots = slotsOf(this.#to);
    for (let slot = 0; slot < slots; slot++) {
      try {
        await this.#replace(slot);
      } catch (error) {
        if (!this.#stop.aborted) await this.#rollBack();
        if (this.#replaced.length === 0) throw error;
        const { number: generation } = this.#to;
        throw new GatewayError('ROLLOUT_FAILED', { generation, reason: reasonOf(error) }, error);
      }
    }
    for (let slot = slots; slot < slotsOf(this.#from); slot++) {
      const old = this.#pool.slots.remove(slot);
      if (old) this.#leftovers.add(old);
    }
  }

  /**
   * Sockets given up by now live on in the leftovers until these have accepted what is queued.
   * Settles when they have, so that clients that connect after a reload meet the new generation only.
   */
  async drainReplaced(): Promise<void> {
    for (const old of this.#leftovers) this.#pool.drain(old, this.#draft.drain);
    const closed = Promise.all(Array.from(this.#pool.draining, ({ closedToNew }) => closedToNew));
    const end = AbortSignal.any([this.#stop, AbortSignal.timeout(closingTimeoutMs)]);
    await Promise.race([closed, aborted(end)]);
  }

  async #replace(slot: number): Promise<void> {
    const startedAt = performance.now();
    const worker = await this.#start(slot);
    const old = this.#pool.slots.promote(worker);
    this.#replaced.push(slot);
    const took = Math.round(performance.now() - startedAt);
    this.#draft.workers.push({ slot, pid: worker.pid, took });
    for (const { socket } of worker.sockets) this.#served.add(socket.id);
    if (old) this.#leftovers.add(old);
    this.#drainCovered();
  }

  #drainCovered(): void {
    for (const old of this.#leftovers) {
      if (!old.sockets.every(({ socket }) => this.#served.has(socket.id))) continue;
      this.#leftovers.delete(old);
      this.#pool.drain(old, this.#draft.drain);
    }
  }

  /** A ready worker for the slot. Being killed by a signal is not the configuration's fault. */
  async #start(slot: number): Promise<WorkerHandle> {
    for (let attempt = 1; ; attempt++) {
      this.#stop.throwIfAborted();
      const worker = this.#pool.fork(this.#to, slot);
      try {
        await worker.ready;
        return worker;
      } catch (error) {
        const { signal } = await worker.gone;
        const isKilled = worker.startFailure === 'died' && signal === 'SIGKILL';
        if (!isKilled || attempt === maxStarts) throw error;
      }
    }
  }

  /** Puts the slots that were replaced back to N, again one by one. */
  async #rollBack(): Promise<void> {
    const timeout = AbortSignal.any([this.#stop, AbortSignal.timeout(rollbackTimeoutMs)]);
    for (const slot of this.#replaced) {
      if (slot < slotsOf(this.#from)) {
        await this.#restore(slot, timeout);
      } else {
        const extra = this.#pool.slots.remove(slot);
        if (extra) this.#pool.drain(extra, this.#draft.drain);
      }
    }
  }

  async #restore(slot: number, timeout: AbortSignal): Promise<void> {
    const old = [...this.#leftovers].find((left) => left.slot === slot && left.stage === 'ready');
    if (!old) {
      await Promise.race([this.#pool.slots.respawn(slot, this.#from), aborted(timeout)]);
      return;
    }
    const failed = this.#pool.slots.promote(old);
    if (failed) this.#pool.drain(failed, this.#draft.drain);
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Generation } from '../generation.ts';
import { socketsOf } from '../sockets/listeners.ts';
import type { WorkerHandle } from './worker-handle.ts';

/** Delay before a slot's second replacement in a row, doubled with each further one. */
const respawnDelayMs = { first: 100, longest: 5000 };
/** A worker that has served this long does not count as a crash loop. */
const steadyMs = 5000;

/** The processes that slots are filled with. */
export interface WorkerSupply {
  fork(generation: Generation, slot: number): WorkerHandle;
  drain(worker: WorkerHandle): void;
}

interface Slot {
  current: WorkerHandle | null;
  /** Of the next worker. */
  generation: Generation;
  /** Settles when the replacement that is under way serves. */
  respawning: Promise<void> | null;
  crashes: number;
}

/** The slots of the pool, each with one worker that serves, or with a replacement under way. */
export class Slots {
  /** A worker cannot be replaced, because another version of the program is installed now. */
  onOutdated: (() => void) | null = null;
  /** Called when a slot has got, or has lost, its worker. */
  onChanged: (() => void) | null = null;
  readonly #slots = new Map<number, Slot>();
  readonly #supply: WorkerSupply;
  readonly #log: Log;
  readonly #stop: AbortSignal;

  /** @param stop once aborted, nothing is replaced any more */
  constructor(supply: WorkerSupply, log: Log, stop: AbortSignal) {
    this.#supply = supply;
    this.#log = log;
    this.#stop = stop;
  }

  /** Workers in their slots, by slot. */
  get serving(): WorkerHandle[] {
    return [...this.#slots.values()].flatMap(({ current }) => current ?? []);
  }

  isCurrent(worker: WorkerHandle): boolean {
    return this.#slots.get(worker.slot)?.current === worker;
  }

  /** Gives the slot to a worker that is ready; returns the previous one, which still serves. */
  promote(worker: WorkerHandle): WorkerHandle | null {
    const { slot: number, generation } = worker;
    const slot = this.#slots.get(number);
    const previous = slot?.current ?? null;
    if (slot) {
      slot.current = worker;
      slot.generation = generation;
    } else {
      this.#slots.set(number, { current: worker, generation, respawning: null, crashes: 0 });
    }
    this.onChanged?.();
    return previous;
  }

  /** Removes the slot; returns its worker. */
  remove(number: number): WorkerHandle | null {
    const worker = this.#slots.get(number)?.current ?? null;
    this.#slots.delete(number);
    this.onChanged?.();
    return worker;
  }

  /**
   * Fills a slot with a worker of its generation, however many tries it takes; the worker in it,
   * if any, drains once the new one serves.
   */
  respawn(number: number, generation?: Generation): Promise<void> {
    const slot = this.#slots.get(number);
    if (!slot) return Promise.resolve();
    if (generation) slot.generation = generation;
    slot.respawning ??= this.#respawn(number, slot).finally(() => {
      slot.respawning = null;
    });
    return slot.respawning;
  }

  /** The worker in a slot has ended, and is to be replaced. */
  async replaceCrashed({ slot: number, startedAt }: WorkerHandle): Promise<void> {
    const slot = this.#slots.get(number);
    if (!slot) return;
    slot.crashes = performance.now() - startedAt < steadyMs ? slot.crashes + 1 : 0;
    // A replacement may be under way, because the worker was told to end.
    await slot.respawning;
    if (this.#slots.get(number) === slot && !slot.current) await this.respawn(number);
  }

  /** Takes a worker that has ended out of its slot, which stays. */
  vacate(worker: WorkerHandle): void {
    const slot = this.#slots.get(worker.slot);
    if (slot?.current !== worker) return;
    slot.current = null;
    this.onChanged?.();
  }

  /** Lets the workers of the other slots accept from the sockets of a slot that does not. */
  lendSockets(number: number, generation: Generation): void {
    const others = this.serving.filter(
      (other) => other.slot !== number && other.serves && other.generation === generation,
    );
    for (const assigned of socketsOf(generation.plan, number)) {
      for (const other of others) other.lend(assigned);
    }
  }

  async #respawn(number: number, slot: Slot): Promise<void> {
    const previous = slot.current;
    // Ended when the slot is filled in another way, or removed.
    const isSuperseded = (): boolean =>
      this.#stop.aborted ||
      this.#slots.get(number) !== slot ||
      (slot.current !== null && slot.current !== previous);
    while (!isSuperseded()) {
      // oxlint-disable no-await-in-loop -- each try follows the one that failed
      await this.#delay(slot);
      if (isSuperseded()) return;
      const worker = await this.#start(number, slot, isSuperseded);
      // oxlint-enable no-await-in-loop
      if (!worker) continue;
      if (isSuperseded() || slot.generation !== worker.generation) {
        this.#supply.drain(worker);
        continue;
      }
      this.promote(worker);
      if (previous) this.#supply.drain(previous);
      return;
    }
  }

  /** The first crash costs no time; it is a loop of crashes that must not spin. */
  async #delay({ crashes }: Slot): Promise<void> {
    if (crashes <= 1) return;
    const { first, longest } = respawnDelayMs;
    const delayMs = Math.min(first * 2 ** (crashes - 2), longest);
    await sleep(delayMs, undefined, { signal: this.#stop }).catch(() => {});
  }

  /** A worker that serves, or null when it failed to start. */
  async #start(
    number: number,
    slot: Slot,
    isSuperseded: () => boolean,
  ): Promise<WorkerHandle | null> {
    let worker: WorkerHandle | undefined;
    try {
      worker = this.#supply.fork(slot.generation, number);
      await worker.ready;
      return worker;
    } catch (error) {
      slot.crashes++;
      if (isSuperseded()) return null;
      const reason = reasonOf(error);
      this.#log.error({ worker: number, reason }, 'a replacement failed to start');
      if (worker?.startFailure === 'outdated') this.onOutdated?.();
      if (slot.current === null) this.lendSockets(number, slot.generation);
      return null;
    }
  }
}

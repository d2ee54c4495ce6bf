import { setTimeout as sleep } from 'node:timers/promises';
import { reasonOf } from '../../errors.ts';
import type { ClusterObservation } from '../../ipc/cluster-state.ts';
import type { DrainReport } from '../../ipc/messages.ts';
import type { PermitLimits } from '../../shared-limits/primary/slot-limits.ts';
import { LimitKeeper, type LimitMessage } from '../../shared-limits/primary/limit-keeper.ts';
import { type DrainCause } from '../../config/drain-time.ts';
import type { Log } from '../../log.ts';
import type { DrainStats } from '../reload/record.ts';
import type { Generation } from '../generation.ts';
import { socketsOf } from '../sockets/listeners.ts';
import { Observations } from './cluster-monitor-election.ts';
import { limitDraining } from './draining-limit.ts';
import { type HeartbeatListener, Heartbeats } from './heartbeats.ts';
import { describeState } from './process-activity.ts';
import type { DrainingPrimary } from '../upgrade/draining-primary.ts';
import { TicketKeys } from './session-ticket-keys.ts';
import { type EntryTotals, type NodeTotals, nodeTotalsOf, Totals } from '../status/counters.ts';
import {
  describeExit,
  type WorkerExit,
  WorkerHandle,
  type WorkerListener,
  type WorkerStage,
} from './worker-handle.ts';
import type { WorkerForks } from './spawner.ts';

/** Delay before a slot's second replacement in a row, doubled with each further one, ms. */
const BACKOFF = { first: 100, longest: 5000 };
/** A worker that served this long was no crash loop, ms. */
const STEADY = 5000;

interface Slot {
  current: WorkerHandle | null;
  /** What a replacement is forked from. */
  generation: Generation;
  /** A replacement is under way. */
  refilling: Promise<void> | null;
  crashes: number;
}

/** What a worker that has gone leaves to be added up. */
interface LastCounts {
  readonly drain: DrainReport | null;
  readonly totals: readonly EntryTotals[];
  readonly nodes: readonly NodeTotals[];
}

/** Settles when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** The workers: one for each slot, and those that are draining. */
export class Pool implements WorkerListener, HeartbeatListener<WorkerHandle> {
  readonly #limits = new LimitKeeper();
  readonly permits = this.#limits.permits;
  readonly observations = new Observations();
  readonly quotas = this.#limits.quotas;
  readonly draining = new Map<WorkerHandle, DrainStats | null>();
  readonly #ticketKeys = new TicketKeys((keys) => {
    for (const worker of this.alive) worker.send({ type: 'ticket-keys', keys });
  });
  /** Every worker process there is. */
  readonly alive = new Set<WorkerHandle>();
  /** Counts of the workers that have gone. */
  readonly totals = new Totals();
  /** The primary that this one replaced, while its workers drain. */
  predecessor: DrainingPrimary | null = null;
  /** Workers that ended unasked. */
  crashes = 0;
  /** Workers that were killed because they gave no sign of life. */
  hangs = 0;
  /** How long no worker has served, ms; 0 while one does. */
  unservedMs = 0;
  onWorkerGone: ((last: LastCounts) => void) | null = null;
  /** A worker process has come or gone. */
  onAliveChanged: (() => void) | null = null;
  /** A worker cannot be replaced, because another version of the program is installed now. */
  onOutdated: (() => void) | null = null;
  readonly #heartbeats = new Heartbeats(this);
  readonly #slots = new Map<number, Slot>();
  readonly #forks: WorkerForks;
  readonly #log: Log;
  readonly #stop: AbortSignal;

  /** @param stop once aborted, nothing is replaced any more */
  constructor(forks: WorkerForks, log: Log, stop: AbortSignal) {
    this.#forks = forks;
    this.#log = log;
    this.#stop = stop;
    this.#heartbeats.start();
  }

  /** Forks a worker; it takes no slot until it is `install`ed. */
  fork(generation: Generation, slot: number): WorkerHandle {
    const worker = new WorkerHandle(this.#forks.take(), generation, slot, this);
    this.alive.add(worker);
    this.onAliveChanged?.();
    this.#limits.add(worker);
    return worker;
  }

  /** Gives the slot to a worker that is ready; answers the one before it, which still serves. */
  install(worker: WorkerHandle): WorkerHandle | null {
    const { slot: number, generation } = worker;
    const slot = this.#slots.get(number);
    if (!slot) {
      this.#slots.set(number, { current: worker, generation, refilling: null, crashes: 0 });
      this.#electObserver();
      return null;
    }
    const before = slot.current;
    slot.current = worker;
    slot.generation = generation;
    this.#electObserver();
    return before;
  }

  /** The slot is no more; answers its worker. */
  dissolve(number: number): WorkerHandle | null {
    const before = this.#slots.get(number)?.current ?? null;
    this.#slots.delete(number);
    this.#electObserver();
    return before;
  }

  /** Takes the limits on connections of a configuration. */
  setPermitLimits(limits: readonly PermitLimits[]): void {
    this.permits.setLimits(limits);
    this.predecessor?.addLimits(limits);
  }

  get ticketKeys(): Uint8Array {
    return this.#ticketKeys.all;
  }

  set ticketKeys(keys: Uint8Array) {
    this.#ticketKeys.replace(Buffer.from(keys));
  }

  /** Of the newest generation, so that clusters are watched as it says, the first slot's worker. */
  #electObserver(): void {
    let elected: WorkerHandle | null = null;
    for (const worker of this.serving) {
      const newer = worker.generation.number - (elected?.generation.number ?? 0);
      if (newer > 0 || (newer === 0 && worker.slot < (elected?.slot ?? 0))) elected = worker;
    }
    this.observations.elect(elected);
  }

  /** Lets it finish what it has; how its connections end is added to the account. */
  drain(
    worker: WorkerHandle,
    account: DrainStats | null = null,
    cause: DrainCause = 'replaced',
  ): void {
    if (worker.stage === 'gone') return;
    if (!this.draining.has(worker)) this.draining.set(worker, account);
    worker.drain(cause);
  }

  current(slot: number): WorkerHandle | null {
    return this.#slots.get(slot)?.current ?? null;
  }

  /** Workers in their slots, by slot. */
  get serving(): WorkerHandle[] {
    return [...this.#slots.values()].flatMap(({ current }) => current ?? []);
  }

  /** The gateway stops: drains everything, also of the primary before; settles as `drainAll`. */
  stop(): Promise<void> {
    this.predecessor?.stop();
    return this.drainAll('stopping');
  }

  /** Drains everything, and settles when no worker is left. */
  async drainAll(cause: DrainCause): Promise<void> {
    for (const worker of this.alive) this.drain(worker, null, cause);
    while (this.alive.size > 0) await Promise.all([...this.alive].map(({ gone }) => gone));
  }

  killAll(): void {
    for (const worker of this.alive) worker.kill();
  }

  /** Whether workers of another generation than this still have more than streams to finish. */
  holds(generation: number): boolean {
    if (this.predecessor && !this.predecessor.hasOnlyStreams) return true;
    return [...this.draining.keys()].some(
      (worker) => worker.generation.number !== generation && !worker.hasOnlyStreams,
    );
  }

  /** Settles when that is no longer so, or `stop` is aborted. */
  async drained(generation: number, stop: AbortSignal): Promise<void> {
    const stopped = aborted(stop);
    while (this.holds(generation) && !stop.aborted) {
      const settled = [...this.draining.keys()].map((worker) => worker.settled);
      if (this.predecessor) settled.push(this.predecessor.settled);
      await Promise.race([Promise.all(settled), stopped]);
    }
  }

  /** Settles when every worker that drains now has only streams left, or has ended. */
  async settled(): Promise<void> {
    await Promise.all([...this.draining.keys()].map((worker) => worker.settled));
  }

  /**
   * Fills a slot with a worker of its generation, however many tries it takes; the worker in it,
   * if any, drains once the new one serves.
   */
  refill(number: number, generation?: Generation): Promise<void> {
    const slot = this.#slots.get(number);
    if (!slot) return Promise.resolve();
    if (generation) slot.generation = generation;
    slot.refilling ??= this.#refill(number, slot).finally(() => {
      slot.refilling = null;
    });
    return slot.refilling;
  }

  async #refill(number: number, slot: Slot): Promise<void> {
    const before = slot.current;
    // Whoever fills or dissolves the slot meanwhile ends this.
    const superseded = (): boolean =>
      this.#stop.aborted ||
      this.#slots.get(number) !== slot ||
      (slot.current !== null && slot.current !== before);
    for (;;) {
      // The first crash costs no time; it is the loop that must not spin.
      if (slot.crashes > 1) {
        const delay = Math.min(BACKOFF.first * 2 ** (slot.crashes - 2), BACKOFF.longest);
        await sleep(delay, undefined, { signal: this.#stop }).catch(() => {});
      }
      if (superseded()) return;
      let worker: WorkerHandle | undefined;
      try {
        worker = this.fork(slot.generation, number);
        await worker.ready;
      } catch (error) {
        slot.crashes++;
        if (superseded()) return;
        this.#log.error(
          { worker: number, reason: reasonOf(error) },
          'a replacement failed to start',
        );
        if (worker?.startFailure === 'outdated') this.onOutdated?.();
        if (slot.current === null) this.#lendSockets(number, slot.generation);
        continue;
      }
      if (superseded() || slot.generation !== worker.generation) {
        this.drain(worker);
        if (superseded()) return;
        continue;
      }
      this.install(worker);
      if (before) this.drain(before);
      return;
    }
  }

  onLimitMessage(worker: WorkerHandle, message: LimitMessage): void {
    this.#limits.take(worker, message);
  }

  onClusterObserved(worker: WorkerHandle, observation: ClusterObservation): void {
    this.observations.observed(worker, observation, this.alive);
  }

  onClusterCheckWanted(name: string): void {
    this.observations.wantCheck(name);
  }

  onLeaving(worker: WorkerHandle): void {
    if (this.#stop.aborted || this.#slots.get(worker.slot)?.current !== worker) {
      this.drain(worker);
      return;
    }
    this.#log.info(
      { worker: worker.slot, pid: worker.pid },
      'worker was told to end; replacing it',
    );
    void this.refill(worker.slot);
  }

  onResponsiveness(worker: WorkerHandle): void {
    const { slot, generation, pid, silence, responsive } = worker;
    const told = { worker: slot, generation: generation.number, pid };
    this.#limits.setAbsent(worker, !responsive);
    if (responsive) this.#log.info(told, 'worker responds again');
    else {
      const reason = describeState(silence.activity?.state);
      this.#log.warn({ ...told, reason }, 'worker does not respond');
      if (this.#slots.get(slot)?.current === worker) this.#lendSockets(slot, generation);
    }
  }

  /** Nobody accepts from the sockets of this slot: the workers of the other slots shall. */
  #lendSockets(number: number, generation: Generation): void {
    const others = this.serving.filter(
      (other) => other.slot !== number && other.serves && other.generation === generation,
    );
    for (const assigned of socketsOf(generation.plan, number)) {
      for (const other of others) other.lend(assigned);
    }
  }

  onHung(worker: WorkerHandle): void {
    const { slot, generation, pid, heartbeatTimeout, silence } = worker;
    const told = { worker: slot, generation: generation.number, pid };
    const reason = describeState(silence.activity?.state);
    this.hangs++;
    this.#log.error(
      { ...told, reason },
      `worker has not responded for ${heartbeatTimeout / 1000} s; killing it`,
    );
    worker.kill();
    if (this.#stop.aborted || this.#slots.get(slot)?.current !== worker) return;
    // Its end is not waited for: a process that hangs in the system dies only when that lets it.
    void this.refill(slot);
  }

  onLook(elapsed: number): void {
    limitDraining(this.draining.keys(), this.serving);
    this.unservedMs = this.serving.some(({ serves }) => serves) ? 0 : this.unservedMs + elapsed;
  }

  onGone(worker: WorkerHandle, exit: WorkerExit, was: WorkerStage): void {
    const account = this.draining.get(worker);
    if (account && was === 'draining') account.add(worker.drainReport);
    this.alive.delete(worker);
    this.onAliveChanged?.();
    this.draining.delete(worker);
    const { counts: totals, drainReport: drain } = worker;
    const nodes = nodeTotalsOf(worker.clusters);
    this.totals.add(totals);
    this.totals.addNodes(nodes);
    this.totals.addLostLines(worker.lostLines);
    this.onWorkerGone?.({ drain, totals, nodes });
    this.#limits.remove(worker);
    const { slot: number, pid, generation } = worker;
    const told = { worker: number, generation: generation.number, pid };
    if (was === 'draining') {
      if (worker.drainReport) this.#log.info({ ...told, ...worker.drainReport }, 'worker drained');
      else this.#log.warn(told, `worker ended ${describeExit(exit)} before it had drained`);
      return;
    }
    const slot = this.#slots.get(number);
    if (slot?.current !== worker) return;
    slot.current = null;
    this.#electObserver();
    if (this.#stop.aborted) return;
    this.crashes++;
    this.#log.error(told, `worker ended ${describeExit(exit)}; replacing it`);
    slot.crashes = performance.now() - worker.startedAt < STEADY ? slot.crashes + 1 : 0;
    void this.#replaceCrashed(number, slot);
  }

  async #replaceCrashed(number: number, slot: Slot): Promise<void> {
    // Perhaps its successor is on its way already, because it was told to end.
    await slot.refilling;
    if (this.#slots.get(number) === slot && !slot.current) await this.refill(number);
  }
}

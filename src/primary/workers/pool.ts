import type { ClusterObservation } from '../../ipc/cluster-state.ts';
import type { DrainReport } from '../../ipc/messages.ts';
import type { LeaseToKeeper } from '../../shared-limits/messages.ts';
import {
  deliver,
  type LeaseKeeper,
  LocalLeaseKeeper,
} from '../../shared-limits/primary/lease-keeper.ts';
import type { SlotLimit } from '../../shared-limits/primary/slot-limits.ts';
import type { DrainCause } from '../../config/drain-time.ts';
import type { Log } from '../../log.ts';
import type { DrainStats } from '../reload/record.ts';
import type { Generation } from '../generation.ts';
import { ClusterMonitorElection } from './cluster-monitor-election.ts';
import type { PoolState } from './assignment.ts';
import { DrainingWorkers } from './draining-workers.ts';
import { type HeartbeatListener, Heartbeats } from './heartbeats.ts';
import { describeState } from './process-activity.ts';
import { Slots, type WorkerSupply } from './slots.ts';
import { TicketKeys } from './session-ticket-keys.ts';
import { type EntryTotals, type NodeTotals, nodeTotalsOf, Totals } from '../status/counters.ts';
import {
  describeExit,
  type WorkerExit,
  WorkerHandle,
  type WorkerListener,
  type WorkerStage,
} from './worker-handle.ts';
import type { WorkerSpawner } from './spawner.ts';

/** The counts of a worker that has ended. */
interface LastCounts {
  readonly drain: DrainReport | null;
  readonly totals: readonly EntryTotals[];
  readonly nodes: readonly NodeTotals[];
}

/** The workers: one for each slot, and those that start or drain. */
export class Pool implements WorkerListener, WorkerSupply, HeartbeatListener<WorkerHandle> {
  /** Of all limits that hold over all workers. */
  readonly leases: LeaseKeeper = new LocalLeaseKeeper();
  readonly clusterMonitor = new ClusterMonitorElection();
  readonly slots: Slots;
  readonly draining = new DrainingWorkers();
  readonly #ticketKeys = new TicketKeys((keys) => {
    for (const worker of this.alive) worker.send({ type: 'ticket-keys', keys });
  });
  /** All worker processes. */
  readonly alive = new Set<WorkerHandle>();
  /** Counts of the workers that have gone. */
  readonly totals = new Totals();
  /** Workers that ended without having been told to. */
  crashes = 0;
  /** Workers that were killed because they gave no sign of life. */
  hangs = 0;
  /** How long no worker has served, ms; 0 while one does. */
  unservedMs = 0;
  onWorkerGone: ((last: LastCounts) => void) | null = null;
  /** A worker process has come or gone. */
  onAliveChanged: (() => void) | null = null;
  readonly #heartbeats = new Heartbeats(this);
  readonly #spawner: WorkerSpawner;
  readonly #log: Log;
  readonly #stop: AbortSignal;

  /** @param stop once aborted, nothing is replaced any more */
  constructor(spawner: WorkerSpawner, log: Log, stop: AbortSignal) {
    this.#spawner = spawner;
    this.#log = log;
    this.#stop = stop;
    this.slots = new Slots(this, log, stop);
    this.slots.onChanged = () => this.clusterMonitor.elect(this.slots.serving);
    this.#heartbeats.start();
  }

  /** Starts a worker; it serves in no slot until it is promoted. */
  fork(generation: Generation, slot: number): WorkerHandle {
    const worker = new WorkerHandle(this.#spawner.spawn(), generation, slot, this);
    this.alive.add(worker);
    this.onAliveChanged?.();
    this.leases.add(worker);
    return worker;
  }

  /** Takes the limits on connections of a configuration. */
  setSlotLimits(limits: readonly SlotLimit[]): void {
    this.leases.setLimits(limits);
    this.draining.predecessor?.addLimits(limits);
  }

  get ticketKeys(): Uint8Array {
    return this.#ticketKeys.all;
  }

  currentState(): PoolState {
    return { ticketKeys: this.ticketKeys, observations: this.clusterMonitor.latest() };
  }

  /** Continues with the keys of the primary that this one replaces. */
  inheritTicketKeys(keys: Buffer): void {
    this.#ticketKeys.replace(keys);
  }

  /** Lets it finish what it has; the report of its connections is added to `stats`. */
  drain(
    worker: WorkerHandle,
    stats: DrainStats | null = null,
    cause: DrainCause = 'replaced',
  ): void {
    this.draining.drain(worker, stats, cause);
  }

  /** The gateway stops: drains everything, also in the primary that this one replaced. */
  stop(): Promise<void> {
    this.draining.predecessor?.stop();
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

  onLease(worker: WorkerHandle, message: LeaseToKeeper): void {
    deliver(this.leases, worker, message);
  }

  onClusterObserved(worker: WorkerHandle, observation: ClusterObservation): void {
    this.clusterMonitor.observed(worker, observation, this.alive);
  }

  onClusterCheckWanted(name: string): void {
    this.clusterMonitor.requestCheck(name);
  }

  onLeaving(worker: WorkerHandle): void {
    if (this.#stop.aborted || !this.slots.isCurrent(worker)) {
      this.drain(worker);
      return;
    }
    const { slot, pid } = worker;
    this.#log.info({ worker: slot, pid }, 'worker received SIGTERM; replacing it');
    void this.slots.respawn(slot);
  }

  onResponsiveness(worker: WorkerHandle): void {
    const { slot, generation, silence, responsive } = worker;
    this.leases.setAbsent(worker, !responsive);
    if (responsive) {
      this.#log.info(bindingsOf(worker), 'worker responds again');
      return;
    }
    const reason = describeState(silence.activity?.state);
    this.#log.warn({ ...bindingsOf(worker), reason }, 'worker does not respond');
    if (this.slots.isCurrent(worker)) this.slots.lendSockets(slot, generation);
  }

  onHung(worker: WorkerHandle): void {
    const { slot, heartbeatTimeout, silence } = worker;
    const reason = describeState(silence.activity?.state);
    this.hangs++;
    this.#log.error(
      { ...bindingsOf(worker), reason },
      `worker has not responded for ${heartbeatTimeout / 1000} s; killing it`,
    );
    worker.kill();
    if (this.#stop.aborted || !this.slots.isCurrent(worker)) return;
    // Not only after it has ended: a process that hangs in a system call dies when that returns.
    void this.slots.respawn(slot);
  }

  onLook(elapsedMs: number): void {
    const { serving } = this.slots;
    this.draining.limit(serving);
    this.unservedMs = serving.some(({ serves }) => serves) ? 0 : this.unservedMs + elapsedMs;
  }

  onGone(worker: WorkerHandle, exit: WorkerExit, stage: WorkerStage): void {
    const hasDrained = stage === 'draining';
    this.draining.remove(worker, hasDrained);
    this.alive.delete(worker);
    this.onAliveChanged?.();
    this.leases.remove(worker);
    this.#addCounts(worker);
    if (hasDrained) this.#logDrained(worker, exit);
    else if (this.slots.isCurrent(worker)) this.#onCrashed(worker, exit);
  }

  #addCounts({ counts: totals, clusters, lostLines, drainReport: drain }: WorkerHandle): void {
    const nodes = nodeTotalsOf(clusters);
    this.totals.add(totals);
    this.totals.addNodes(nodes);
    this.totals.addLostLines(lostLines);
    this.onWorkerGone?.({ drain, totals, nodes });
  }

  #logDrained(worker: WorkerHandle, exit: WorkerExit): void {
    const { drainReport } = worker;
    const bindings = bindingsOf(worker);
    if (drainReport) this.#log.info({ ...bindings, ...drainReport }, 'worker drained');
    else this.#log.warn(bindings, `worker ended ${describeExit(exit)} before it had drained`);
  }

  #onCrashed(worker: WorkerHandle, exit: WorkerExit): void {
    this.slots.vacate(worker);
    if (this.#stop.aborted) return;
    this.crashes++;
    this.#log.error(bindingsOf(worker), `worker ended ${describeExit(exit)}; replacing it`);
    void this.slots.replaceCrashed(worker);
  }
}

/** Fields of a log line about a worker. */
function bindingsOf({ slot, generation, pid }: WorkerHandle): Record<string, number> {
  return { worker: slot, generation: generation.number, pid };
}

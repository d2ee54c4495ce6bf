import type { Log } from '../log.ts';
import { slotLimits } from '../shared-limits/primary/slot-limits.ts';
import type { ActiveGeneration } from './active-generation.ts';
import type { ConfigurationLoader } from './configuration-loader.ts';
import type { Candidate } from './generation.ts';
import type { InstanceLock } from './instance/instance-lock.ts';
import { findOrphans, type WorkerRecord } from './orphans/worker-record.ts';
import type { ReloadHistory } from './reload/history.ts';
import { ReloadDraft, type ReloadRecord } from './reload/record.ts';
import type { Listeners } from './sockets/listeners.ts';
import type { Predecessor } from './upgrade/predecessor.ts';
import { bootWorkers } from './workers/boot.ts';
import type { Pool } from './workers/pool.ts';
import type { WorkerSpawner } from './workers/spawner.ts';

export interface StartupDependencies {
  readonly log: Log;
  readonly loader: ConfigurationLoader;
  readonly instanceLock: InstanceLock;
  readonly listeners: Listeners;
  readonly pool: Pool;
  readonly spawner: WorkerSpawner;
  readonly active: ActiveGeneration;
  readonly history: ReloadHistory;
  readonly workerRecord: WorkerRecord;
  /** Aborted when the gateway stops. */
  readonly stop: AbortSignal;
}

/** Starts the first generation of this process, in place of another primary where there is one. */
export class Startup {
  readonly #dependencies: StartupDependencies;

  constructor(dependencies: StartupDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Settles when the gateway runs here.
   * @throws CONFIG_INVALID, ALREADY_RUNNING, BIND_FAILED, WORKER_NOT_READY, WORKER_CRASH_LOOP
   */
  async run(predecessor: Predecessor | null): Promise<ReloadRecord> {
    const { log, workerRecord } = this.#dependencies;
    const candidate = await this.#load(predecessor);
    if (predecessor) this.#inherit(predecessor);
    const orphans = predecessor ? null : await findOrphans(candidate.config, log);
    const record = await this.#boot(candidate, predecessor);
    void orphans?.release(log);
    if (predecessor) await this.#replace(predecessor);
    workerRecord.open(candidate.config);
    return record;
  }

  /** Acquires the data folder's lock, on which the configuration as it runs depends. */
  async #load(predecessor: Predecessor | null): Promise<Candidate> {
    const { log, loader, instanceLock } = this.#dependencies;
    let candidate = await loader.loadUsable();
    const { config } = candidate;
    const data = await instanceLock.acquireAny(config, predecessor?.handOff ?? null);
    loader.dataFolder = data;
    if (data !== config.path.data) candidate = await loader.loadUsable();
    log.level = candidate.config.log.level;
    for (const warning of candidate.warnings) log.warn(warning);
    return candidate;
  }

  #inherit({ listeners, handOff }: Predecessor): void {
    this.#dependencies.listeners.adopt(listeners);
    this.#dependencies.history.inherit(handOff.reloads);
    this.#dependencies.pool.inheritTicketKeys(Buffer.from(handOff.ticketKeys, 'base64'));
    this.#dependencies.active.inheritedNumber = handOff.generation;
  }

  async #boot(candidate: Candidate, predecessor: Predecessor | null): Promise<ReloadRecord> {
    const { listeners, pool, spawner, active, history, stop } = this.#dependencies;
    const { config } = candidate;
    const trigger = predecessor ? 'upgrade' : 'start';
    const draft = new ReloadDraft(trigger, active.inheritedNumber + 1);
    draft.warnings.push(...candidate.warnings);
    const { leases, totals } = pool;
    const limits = slotLimits(config);
    if (predecessor) predecessor.share(limits, { leases, totals, account: draft.drain });
    else leases.setLimits(limits);
    const plan = await listeners.plan(config, candidate.workers);
    listeners.commit(plan);
    const generation = active.next(candidate, plan);
    active.serveApi(generation);
    await bootWorkers(generation, pool, stop);
    spawner.close();
    active.activate(generation);
    const { took } = draft;
    draft.workers.push(...pool.slots.serving.map(({ slot, pid }) => ({ slot, pid, took })));
    const record = draft.finish('done');
    history.add(record);
    return record;
  }

  /** Takes over control socket, pid file, API and the record of workers. */
  async #replace(predecessor: Predecessor): Promise<void> {
    const { log, instanceLock, active, workerRecord } = this.#dependencies;
    const { running } = active;
    await predecessor.ready();
    await instanceLock.acquire(running.config.path.data, predecessor.pid);
    active.serveApi(running);
    workerRecord.succeed(running.config, predecessor.gone, log);
  }
}

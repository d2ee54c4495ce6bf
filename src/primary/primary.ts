import { createLog, type Log } from '../log.ts';
import { ActiveGeneration } from './active-generation.ts';
import { ConfigurationLoader } from './configuration-loader.ts';
import { Api } from './control/api.ts';
import { type ControlAnswer, requestControl } from './control/client.ts';
import { InstanceLock } from './instance/instance-lock.ts';
import { type ControlledGateway, gatewayRoutes, toAnswer } from './control/routes.ts';
import { controlSocketPath } from './instance/data-folder.ts';
import { Systemd } from './control/systemd.ts';
import type { Generation } from './generation.ts';
import type { PrimaryOptions } from './options.ts';
import { AutoReload } from './reload/auto-reload.ts';
import { CertificateClock } from './reload/certificates.ts';
import { ReloadHistory } from './reload/history.ts';
import type { ReloadTrigger } from './reload/record.ts';
import { Reloads } from './reload/reloads.ts';
import { listenToSignals } from './signals.ts';
import { Listeners } from './sockets/listeners.ts';
import { whyNotHealthy, whyNotReady } from './status/readiness.ts';
import { collectStatus } from './status/status.ts';
import type { GatewayStatus } from './status/types.ts';
import { Startup } from './startup.ts';
import { type StoppableGateway, Stopping } from './stopping.ts';
import { Predecessor } from './upgrade/predecessor.ts';
import { Upgrades } from './upgrade/upgrades.ts';
import { Pool } from './workers/pool.ts';
import { WorkerSpawner } from './workers/spawner.ts';
import { WorkerRecord } from './orphans/worker-record.ts';

/**
 * Runs a gateway in this process, and settles when it has ended.
 * @throws CONFIG_INVALID, ALREADY_RUNNING, BIND_FAILED, WORKER_NOT_READY, WORKER_CRASH_LOOP
 */
export async function startPrimary(options: PrimaryOptions): Promise<void> {
  await new Primary(options).run();
}

/** Wires the parts of the primary, and runs them from the first load to the end. */
class Primary implements ControlledGateway, StoppableGateway {
  readonly #stop = new AbortController();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #log: Log;
  readonly #spawner: WorkerSpawner;
  readonly #pool: Pool;
  readonly #workerRecord: WorkerRecord;
  readonly #listeners = new Listeners();
  readonly #history: ReloadHistory;
  readonly #stopping: Stopping;
  readonly #systemd: Systemd;
  readonly #instanceLock: InstanceLock;
  readonly #api: Api;
  readonly #autoReload: AutoReload;
  readonly #active: ActiveGeneration;
  readonly #reloads: Reloads;
  readonly #upgrades: Upgrades;
  readonly #startup: Startup;

  constructor(options: PrimaryOptions) {
    const stop = this.#stop.signal;
    const log = createLog(options.logLevel ?? 'info');
    const spawner = options.spawner ?? new WorkerSpawner();
    const pool = new Pool(spawner, log, stop);
    const workerRecord = new WorkerRecord(pool.alive);
    const listeners = this.#listeners;
    const history = new ReloadHistory(log);
    const systemd = new Systemd(log);
    const routes = gatewayRoutes(this);
    const instanceLock = new InstanceLock(routes, options.pidFile, options.record);
    const api = new Api(routes, log);
    const autoReload = new AutoReload(options.source, log, () => void this.reload('files'));
    const loader = new ConfigurationLoader(options, autoReload);
    const certificateClock = new CertificateClock(() => this.#reloads.request('renewal'));
    const active = new ActiveGeneration(
      { log, pool, api, instanceLock, certificateClock, workerRecord, autoReload },
      options.readyTimeoutMs,
    );
    const reloads = new Reloads({ loader, listeners, pool, active, history, systemd, stop }, log);
    const upgrades = new Upgrades({
      log,
      pool,
      listeners,
      history,
      active,
      reloads,
      instanceLock,
      workerRecord,
      stop,
    });
    this.#log = log;
    this.#spawner = spawner;
    this.#pool = pool;
    this.#workerRecord = workerRecord;
    this.#history = history;
    this.#stopping = new Stopping(this, log);
    this.#systemd = systemd;
    this.#instanceLock = instanceLock;
    this.#api = api;
    this.#autoReload = autoReload;
    this.#active = active;
    this.#reloads = reloads;
    this.#upgrades = upgrades;
    this.#startup = new Startup({
      log,
      loader,
      instanceLock,
      listeners,
      pool,
      spawner,
      active,
      history,
      workerRecord,
      stop,
    });
    pool.onAliveChanged = () => workerRecord.update();
    // Another version of the program is installed: workers of this one can no longer be started.
    pool.slots.onOutdated = () => void upgrades.request();
    upgrades.onHandedOver = () => this.#leave();
  }

  /**
   * Runs until the gateway stops, or another program has replaced this one. A process that fails to
   * replace another one reports the reason to it, and ends.
   */
  async run(): Promise<void> {
    process.title = 'evergate: primary';
    const ignoreSignals = listenToSignals((intent) => {
      if (intent === 'stop') this.#stopping.request();
      else if (!this.#active.current) return;
      else if (intent === 'upgrade') void this.upgrade();
      else void this.reload('signal');
    });
    let predecessor: Predecessor | null = null;
    try {
      predecessor = await Predecessor.connect();
      this.#pool.draining.predecessor = predecessor;
      const record = await this.#startup.run(predecessor);
      await this.#systemd.ready(record.generation);
      this.#systemd.watch(() => whyNotReady(this.running, this.#pool, false) === null);
      predecessor?.tookOver(record);
      await this.#autoReload.enable(this.#active.running.config.configs.auto_reload);
      await this.#stopped.promise;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#stop.abort();
      if (!predecessor) {
        this.#pool.killAll();
        throw error;
      }
      // Its workers drain, because they may have accepted connections; the other process reports it.
      predecessor.failed(error);
      process.exitCode = 1;
    } finally {
      await this.#end();
      ignoreSignals();
    }
  }

  get running(): Generation | null {
    return this.#active.current;
  }

  get shutdownDelayMs(): number {
    return this.running?.config.supervision.shutdown_delay ?? 0;
  }

  get isEnding(): boolean {
    return this.#stop.signal.aborted;
  }

  whyNotReady(): string | null {
    // After an upgrade it is the other process that serves.
    return this.#upgrades.successor ? null : this.#whyNotServing();
  }

  whyNotHealthy(): string | null {
    return this.running && !this.isEnding ? whyNotHealthy(this.#pool) : null;
  }

  status(generation: Generation): Promise<GatewayStatus> {
    const waiting = this.#upgrades.waiting ?? this.#reloads.waiting;
    const notReady = this.#whyNotServing();
    return collectStatus(generation, this.#pool, this.#history, { notReady, waiting });
  }

  /** Reloads here or, if another primary has replaced this one meanwhile, there. */
  async reload(trigger: ReloadTrigger): Promise<ControlAnswer> {
    const record = await this.#reloads.request(trigger);
    if (record.result !== 'refused' || !this.#upgrades.successor) return toAnswer(record);
    const data = this.#active.running.config.path.data;
    const path = trigger === 'files' ? '/reload-if-changed' : '/reload';
    return requestControl(controlSocketPath(data), 'POST', path);
  }

  async upgrade(): Promise<ControlAnswer> {
    return toAnswer(await this.#upgrades.request());
  }

  stop(): Promise<void> {
    if (!this.#stopping.isRequested) this.#stopping.request();
    return this.#ended.promise;
  }

  drain(): void {
    this.#log.info('stopping: workers finish what they have');
    this.#systemd.stopping();
    this.#stop.abort(new Error('the gateway is stopping'));
    // Workers that are starting are not waited for.
    if (!this.running) void this.#pool.drainAll('stopping');
    this.#stopped.resolve();
  }

  killNow(): void {
    this.#pool.draining.predecessor?.killNow();
    this.#pool.killAll();
  }

  /** Another process has replaced this one, which drains and ends. */
  #leave(): void {
    process.title = 'evergate: primary (replaced)';
    this.#workerRecord.leaveFile();
    this.#systemd.close();
    void this.#api.close();
    this.#stop.abort(new Error('another process has taken over'));
    this.#stopped.resolve();
  }

  #whyNotServing(): string | null {
    const isStopping = this.#stopping.isRequested || this.isEnding;
    return whyNotReady(this.running, this.#pool, isStopping);
  }

  async #end(): Promise<void> {
    this.#stopping.close();
    this.#systemd.close();
    this.#spawner.close();
    await this.#autoReload.close();
    // The primary gives up the sockets first: the last to hold them are workers, which empty their
    // queues.
    this.#listeners.close();
    const { successor } = this.#upgrades;
    const gone = successor ? this.#upgrades.drainFor(successor) : this.#pool.stop();
    await Promise.all([gone, this.#upgrades.settled()]);
    this.#workerRecord.close();
    const { isHeld } = this.#instanceLock;
    if (isHeld) await this.#pool.draining.predecessor?.gone;
    this.#ended.resolve();
    await Promise.all([this.#instanceLock.release(), this.#api.close()]);
    successor?.release();
    // A gateway that never ran reports the reason only.
    if (isHeld && this.running) {
      this.#log.info(successor ? 'drained; another process has taken over' : 'stopped');
    }
    // An open channel would keep this process alive.
    if (this.#pool.draining.predecessor && process.connected) process.disconnect?.();
  }
}

import type { GatewayConfig } from '../config/types.ts';
import { createLog, type Log } from '../log.ts';
import { Api } from './control/api.ts';
import { AutoReload } from './reload/auto-reload.ts';
import { bootWorkers } from './workers/boot.ts';
import { type Candidate, toCandidate, usable } from './candidate.ts';
import { CertificateClock } from './reload/certificates.ts';
import type { ControlRoutes } from './control/server.ts';
import { type ControlAnswer, requestControl } from './control/client.ts';
import { DrainAccount } from './reload/drain-stats.ts';
import { type Generation, toGeneration } from './generation.ts';
import { Listeners, type ListenerPlan } from './sockets/listeners.ts';
import { type PrimaryOptions, workersOf } from './options.ts';
import { Predecessor } from './upgrade/predecessor.ts';
import { Place } from './control/instance-lock.ts';
import { permitLimits } from '../shared-limits/primary/slot-limits.ts';
import { Pool } from './workers/pool.ts';
import {
  ReloadHistory,
  type ReloadRecord,
  type ReloadTrigger,
  startRecord,
} from './reload/record.ts';
import { Reloads } from './reload/reloads.ts';
import { gatewayRoutes, toAnswer } from './control/routes.ts';
import { listenToSignals } from './signals.ts';
import { controlSocketPath } from './control/socket-path.ts';
import { asItRuns, type ConfigurationSource } from './configuration-source.ts';
import { whyNotHealthy, whyNotReady } from './status/readiness.ts';
import { collectStatus, describeListening } from './status/status.ts';
import { Supervisor } from './control/systemd.ts';
import { Stopping } from './stopping.ts';
import { Upgrades } from './upgrade/upgrades.ts';
import { WorkerForks } from './workers/spawner.ts';
import { findOrphans, WorkerRecord } from './workers/worker-record.ts';

/**
 * Runs a gateway in this process, and settles when it has ended.
 * @throws what kept it from starting: CONFIG_INVALID, ALREADY_RUNNING, BIND_FAILED,
 *   WORKER_NOT_READY, WORKER_CRASH_LOOP
 */
export async function startPrimary(options: PrimaryOptions): Promise<void> {
  await new Primary(options).run();
}

class Primary {
  readonly #options: PrimaryOptions;
  readonly #source: ConfigurationSource;
  readonly #stop = new AbortController();
  readonly #forks: WorkerForks;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #listeners = new Listeners();
  readonly #history = new ReloadHistory();
  readonly #expiry = new CertificateClock(() => this.#reloads.request('renewal'));
  #log: Log;
  #pool: Pool;
  readonly #record: WorkerRecord;
  #reloads: Reloads;
  #upgrades: Upgrades;
  #running: Generation | null = null;
  /** Number of the generation that another primary left to this one. */
  #inherited = 0;
  /** path.data as it is used, once that is settled. */
  #data: string | undefined;
  readonly #place: Place;
  readonly #api: Api;
  readonly #stopping: Stopping;
  readonly #supervisor: Supervisor;
  readonly #autoReload: AutoReload;

  constructor(options: PrimaryOptions) {
    this.#options = options;
    this.#source = options.source;
    this.#log = createLog(options.logLevel ?? 'info');
    this.#autoReload = new AutoReload(this.#source, this.#log, () => void this.#reload('files'));
    this.#forks = options.forks ?? new WorkerForks();
    this.#pool = new Pool(this.#forks, this.#log, this.#stop.signal);
    this.#supervisor = new Supervisor(this.#log);
    this.#record = new WorkerRecord(this.#pool.alive);
    this.#pool.onAliveChanged = () => this.#record.update();
    this.#stopping = new Stopping({
      log: this.#log,
      delay: () => this.#running?.config.supervision.shutdown_delay ?? 0,
      isOver: () => this.#stop.signal.aborted,
      drain: () => this.#drain(),
      endAtOnce: () => {
        this.#pool.predecessor?.endAtOnce();
        this.#pool.killAll();
      },
    });
    const routes = this.#routes();
    this.#place = new Place(routes, options.pidFile, options.record);
    this.#api = new Api(routes, () => this.#log);
    this.#reloads = new Reloads({
      log: this.#log,
      pool: this.#pool,
      listeners: this.#listeners,
      history: this.#history,
      stop: this.#stop.signal,
      load: () => this.#load(),
      next: (loaded, plan) => this.#next(loaded, plan),
      workersOf: (loaded) => workersOf(loaded.config as GatewayConfig, this.#options),
      running: () => this.#running as Generation,
      began: () => this.#supervisor.reloading(),
      ended: () => void this.#supervisor.ready(this.#running?.number ?? 0),
      installed: (generation) => {
        this.#installed(generation);
        this.#autoReload.enable(generation.config.configs.auto_reload).catch((error: unknown) => {
          this.#log.error({ error }, 'the configuration cannot be watched');
        });
      },
    });
    this.#upgrades = new Upgrades({
      log: this.#log,
      pool: this.#pool,
      listeners: this.#listeners,
      history: this.#history,
      reloads: this.#reloads,
      stop: this.#stop.signal,
      running: () => this.#running as Generation,
      handedOver: () => {
        process.title = 'evergate: primary (replaced)';
        this.#record.leaveFile();
        this.#supervisor.close();
        void this.#api.close();
        this.#stop.abort(new Error('another process has taken over'));
        this.#stopped.resolve();
      },
      restore: async ({ pid }) => {
        await this.#place.restore(pid);
        this.#record.update();
      },
    });
    // Of the program that runs there are no more workers to be had.
    this.#pool.onOutdated = () => void this.#upgrades.request();
  }

  /**
   * Runs until it is told to stop, or another program has taken its place. One that fails to take
   * another's tells that one why, and ends.
   */
  async run(): Promise<void> {
    process.title = 'evergate: primary';
    const ignoreSignals = listenToSignals((intent) => {
      if (intent === 'stop') this.#stopping.ask();
      else if (!this.#running) return;
      else if (intent === 'upgrade') void this.#upgrades.request();
      else void this.#reload('signal');
    });
    let predecessor: Predecessor | null = null;
    try {
      predecessor = await Predecessor.meet();
      this.#pool.predecessor = predecessor;
      let loaded = await this.#load();
      this.#data = await this.#place.find(usable(loaded), predecessor?.inheritance ?? null);
      if (this.#data !== loaded.config?.path.data) loaded = await this.#load();
      const config = usable(loaded);
      this.#log.level = config.log.level;
      for (const warning of loaded.warnings) this.#log.warn(warning);
      if (predecessor) this.#inherit(predecessor);
      const account = new DrainAccount();
      predecessor?.share(permitLimits(config), {
        permits: this.#pool.permits,
        totals: this.#pool.totals,
        account,
      });
      const orphans = predecessor ? null : await findOrphans(config, this.#log);
      const record = await this.#boot(loaded, config, account);
      void orphans?.release(this.#log);
      if (predecessor) {
        await predecessor.proved();
        await this.#place.take(config.path.data, predecessor.pid);
        this.#serveApi(this.#running);
        this.#record.succeed(config, predecessor.gone, this.#log);
      }
      this.#record.open(config);
      await this.#supervisor.ready(record.generation);
      this.#supervisor.watch(() => whyNotReady(this.#running, this.#pool, false) === null);
      predecessor?.taken(record);
      await this.#autoReload.enable(config.configs.auto_reload);
      await this.#stopped.promise;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#stop.abort();
      if (!predecessor) {
        this.#pool.killAll();
        throw error;
      }
      // Its workers may have accepted connections, which are to end well. The other one says why.
      predecessor.failed(error);
      process.exitCode = 1;
    } finally {
      await this.#end();
      ignoreSignals();
    }
  }

  #inherit(predecessor: Predecessor): void {
    const { listeners, inheritance } = predecessor;
    this.#listeners.adopt(listeners);
    this.#history.inherit(inheritance.reloads);
    this.#pool.ticketKeys = Buffer.from(inheritance.ticketKeys, 'base64');
    this.#inherited = inheritance.generation;
  }

  async #boot(
    loaded: Candidate,
    config: GatewayConfig,
    drain: DrainAccount,
  ): Promise<ReloadRecord> {
    const startedAt = new Date();
    const plan = await this.#listeners.plan(config, workersOf(config, this.#options));
    this.#listeners.commit(plan);
    const generation = this.#next(loaded, plan);
    this.#serveApi(generation);
    if (!this.#pool.predecessor) this.#pool.permits.setLimits(permitLimits(config));
    this.#pool.quotas.setLimits(config.elasticsearch);
    await bootWorkers(generation, this.#pool, this.#stop.signal);
    this.#forks.close();
    this.#installed(generation);
    const record = startRecord({
      generation: generation.number,
      trigger: this.#pool.predecessor ? 'upgrade' : 'start',
      startedAt,
      warnings: loaded.warnings,
      drain,
      workers: this.#pool.serving,
    });
    this.#history.add(record);
    return record;
  }

  /** The configuration, with what the command line puts in its place. */
  async #load(): Promise<Candidate> {
    const loaded = await this.#source.load();
    await this.#autoReload.update(loaded.watch);
    const { logLevel } = this.#options;
    return toCandidate(asItRuns(loaded, { data: this.#data, logLevel }), this.#options);
  }

  #next(loaded: Candidate, plan: ListenerPlan): Generation {
    const number = (this.#running?.number ?? this.#inherited) + 1;
    return toGeneration(loaded, plan, number, this.#options.readyTimeout);
  }

  /** A generation is in force: says where the gateway listens, if that is new. */
  #installed(generation: Generation): void {
    const before = this.#running;
    this.#running = generation;
    this.#expiry.set(generation.credentials, this.#log);
    if (before) this.#record.open(generation.config);
    this.#pool.quotas.setLimits(generation.config.elasticsearch);
    this.#pool.observations.keep(generation.config.elasticsearch.map(({ name }) => name));
    this.#serveApi(generation);
    this.#log.level = generation.config.log.level;
    process.title = `evergate: primary (generation ${generation.number})`;
    const now = describeListening(generation);
    if (before && describeListening(before) === now) return;
    const { workers } = generation.plan;
    this.#log.info({ generation: generation.number, workers }, `listening: ${now}`);
  }

  /** The API is the predecessor's until this process has its place. */
  #serveApi(generation: Generation | null): void {
    if (!generation || !this.#place.isTaken) return;
    this.#api.serve(generation.config.api, generation.plan.api);
  }

  #whyNotReady(): string | null {
    const isStopping = this.#stopping.isAsked || this.#stop.signal.aborted;
    return whyNotReady(this.#running, this.#pool, isStopping);
  }

  #routes(): ControlRoutes {
    return gatewayRoutes({
      running: () => this.#running,
      // A process that has taken this one's place serves.
      whyNotReady: () => (this.#upgrades.successor ? null : this.#whyNotReady()),
      whyNotHealthy: () =>
        this.#running && !this.#stop.signal.aborted ? whyNotHealthy(this.#pool) : null,
      status: (generation) => {
        const waiting = this.#upgrades.waiting ?? this.#reloads.waiting;
        const notReady = this.#whyNotReady();
        return collectStatus(generation, this.#pool, this.#history, { notReady, waiting });
      },
      reload: (trigger) => this.#reload(trigger),
      upgrade: async () => toAnswer(await this.#upgrades.request()),
      stop: () => {
        if (!this.#stopping.isAsked) this.#stopping.ask();
        return this.#ended.promise;
      },
    });
  }

  /** Reloads, here or, if another primary has taken this one's place meanwhile, there. */
  async #reload(trigger: ReloadTrigger): Promise<ControlAnswer> {
    const record = await this.#reloads.request(trigger);
    const { successor } = this.#upgrades;
    if (record.result !== 'refused' || !successor) return toAnswer(record);
    const data = this.#running?.config.path.data ?? '';
    const path = trigger === 'files' ? '/reload-if-changed' : '/reload';
    return requestControl(controlSocketPath(data), 'POST', path);
  }

  #drain(): void {
    this.#log.info('stopping: workers finish what they have');
    this.#supervisor.stopping();
    this.#stop.abort(new Error('the gateway is stopping'));
    // A worker that starts is not waited for.
    if (!this.#running) void this.#pool.drainAll('stopping');
    this.#stopped.resolve();
  }

  async #end(): Promise<void> {
    for (const each of [this.#stopping, this.#supervisor, this.#forks]) each.close();
    await this.#autoReload.close();
    // First the primary's hold on the sockets, so that the workers', whose queues they empty, is
    // the last one.
    this.#listeners.close();
    const { successor } = this.#upgrades;
    const gone = successor ? this.#upgrades.drainFor(successor) : this.#pool.stop();
    await Promise.all([gone, this.#upgrades.settled()]);
    this.#record.close();
    const { isTaken } = this.#place;
    if (isTaken) await this.#pool.predecessor?.gone;
    this.#ended.resolve();
    await Promise.all([this.#place.leave(), this.#api.close()]);
    successor?.release();
    // One that never began has nothing to say but why.
    if (isTaken && this.#running) {
      this.#log.info(successor ? 'drained; another process goes on' : 'stopped');
    }
    // A channel that is listened to would keep this process alive.
    if (this.#pool.predecessor && process.connected) process.disconnect?.();
  }
}

import cluster from 'node:cluster';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { GatewayConfig, LogLevel } from '../config/types.ts';
import { createLog, type Log } from '../log.ts';
import { AutoReload } from './auto-reload.ts';
import { bootWorkers } from './boot.ts';
import { type Candidate, toCandidate } from './candidate.ts';
import { RenewalClock } from './certificates.ts';
import { Control, type ControlRoutes } from './control.ts';
import type { ControlAnswer } from './control-client.ts';
import { DrainAccount } from './drain-account.ts';
import type { Generation } from './generation.ts';
import { Listeners, type ListenerPlan } from './listeners.ts';
import { releasePidFile, takePidFile } from './pid-file.ts';
import { Pool } from './pool.ts';
import { program } from './program.ts';
import { ReloadHistory } from './reload-record.ts';
import { Reloads } from './reloads.ts';
import { listenToSignals } from './signals.ts';
import { controlSocketPath } from './socket-path.ts';
import { type ConfigurationSource, FileSource } from './source.ts';
import { collectStatus, describeListening } from './status.ts';

export interface PrimaryOptions {
  /** Configuration files and folders, in the order in which they count. */
  readonly configPaths: readonly string[];
  /** Instead of those files. */
  readonly source?: ConfigurationSource | undefined;
  /** Instead of the configuration's. */
  readonly workers?: number | 'auto' | undefined;
  /** Written beside the control socket in `path.data`, for supervisors. */
  readonly pidFile?: string | undefined;
  /** Instead of the configuration's. */
  readonly logLevel?: LogLevel | undefined;
  /** Program that workers run. Default: the command line, which sees that it is one. */
  readonly exec?: string | undefined;
  /** How long a worker may take to become ready, ms. Default 30 s. */
  readonly readyTimeout?: number | undefined;
}

/** A signal can come twice at once: from a terminal and from a parent that passes it on, ms. */
const SAME_SIGNAL = 250;

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
  readonly #stopped = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #listeners = new Listeners();
  readonly #history = new ReloadHistory();
  readonly #renewal = new RenewalClock(() => void this.#reloads.request('renewal'));
  #log: Log;
  #pool: Pool;
  #reloads: Reloads;
  #running: Generation | null = null;
  #stopAskedAt = 0;
  readonly #autoReload: AutoReload;

  constructor(options: PrimaryOptions) {
    this.#options = options;
    this.#source = options.source ?? new FileSource(options.configPaths);
    this.#autoReload = new AutoReload(this.#source, () => void this.#reloads.request('files'));
    this.#log = createLog(options.logLevel ?? 'info');
    this.#pool = new Pool(this.#log, this.#stop.signal);
    this.#reloads = new Reloads({
      log: this.#log,
      pool: this.#pool,
      listeners: this.#listeners,
      history: this.#history,
      stop: this.#stop.signal,
      load: () => this.#load(),
      next: (loaded, plan) => this.#next(loaded, plan),
      workersOf: (loaded) => this.#workersOf(loaded.config as GatewayConfig),
      running: () => this.#running as Generation,
      installed: (generation) => {
        this.#installed(generation);
        this.#autoReload.enable(generation.config.configs.auto_reload).catch((error: unknown) => {
          this.#log.error({ error }, 'the configuration cannot be watched');
        });
      },
    });
  }

  async run(): Promise<void> {
    process.title = 'evergate: primary';
    const ignoreSignals = listenToSignals((intent) => {
      if (intent === 'stop') this.#onStop();
      else if (this.#running) void this.#reloads.request('signal');
    });
    let control: Control | null = null;
    const { pidFile } = this.#options;
    try {
      const loaded = await this.#load();
      const { config } = loaded;
      if (!config) throw loaded.error ?? new Error(loaded.problems.join('\n'));
      this.#log.level = config.log.level;
      for (const warning of loaded.warnings) this.#log.warn(warning);
      mkdirSync(config.path.data, { recursive: true, mode: 0o700 });
      control = await Control.open(controlSocketPath(config.path.data), this.#routes());
      if (pidFile) takePidFile(pidFile);
      await this.#boot(loaded, config);
      await this.#autoReload.enable(config.configs.auto_reload);
      await this.#stopped.promise;
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        this.#stop.abort();
        this.#pool.killAll();
        throw error;
      }
    } finally {
      await this.#end(control);
      ignoreSignals();
    }
  }

  async #boot(loaded: Candidate, config: GatewayConfig): Promise<void> {
    const startedAt = new Date();
    cluster.setupPrimary({
      exec: this.#options.exec ?? program('cli'),
      args: [],
      execArgv: workerExecArgv(),
      serialization: 'advanced',
    });
    const plan = await this.#listeners.plan(config, this.#workersOf(config));
    this.#listeners.commit(plan);
    const generation = this.#next(loaded, plan);
    this.#pool.permits.setLimits(config.entry);
    this.#pool.quotas.setLimits(config.elasticsearch);
    await bootWorkers(generation, this.#pool, this.#stop.signal);
    this.#installed(generation);
    this.#history.add({
      generation: generation.number,
      trigger: 'start',
      startedAt: startedAt.toISOString(),
      took: Date.now() - startedAt.getTime(),
      result: 'done',
      problems: [],
      warnings: loaded.warnings,
      drain: new DrainAccount(),
      workers: this.#pool.serving.map(({ slot, pid }) => ({
        slot,
        pid,
        took: Date.now() - startedAt.getTime(),
      })),
    });
  }

  /** The configuration, with what the command line puts in its place. */
  async #load(): Promise<Candidate> {
    const loaded = await this.#source.load();
    await this.#autoReload.update(loaded.watch);
    const { logLevel } = this.#options;
    const { config, warnings } = loaded;
    if (!config) return toCandidate(loaded);
    const data = this.#running?.config.path.data ?? config.path.data;
    const moved = `path.data stays ${data} until the next restart`;
    return toCandidate({
      ...loaded,
      warnings: data === config.path.data ? warnings : [...warnings, moved],
      // What the gateway runs with: compared with it, a change that has no effect is none.
      config: {
        ...config,
        path: { ...config.path, data },
        ...(logLevel && { log: { level: logLevel } }),
      },
    });
  }

  #workersOf(config: GatewayConfig): number {
    const workers = this.#options.workers ?? config.workers;
    return workers === 'auto' ? availableParallelism() : workers;
  }

  #next({ config, credentials }: Candidate, plan: ListenerPlan): Generation {
    if (!config) throw new Error('there is no configuration');
    const number = (this.#running?.number ?? 0) + 1;
    const readyTimeout = this.#options.readyTimeout ?? 30_000;
    return { number, config, credentials, plan, readyTimeout };
  }

  /** A generation is in force: says where the gateway listens, if that is new. */
  #installed(generation: Generation): void {
    const before = this.#running;
    this.#running = generation;
    this.#renewal.set(generation.credentials.renewAt);
    this.#pool.quotas.setLimits(generation.config.elasticsearch);
    this.#pool.observations.keep(generation.config.elasticsearch.map(({ name }) => name));
    this.#log.level = generation.config.log.level;
    process.title = `evergate: primary (generation ${generation.number})`;
    const now = describeListening(generation);
    if (before && describeListening(before) === now) return;
    const { number, plan } = generation;
    this.#log.info({ generation: number, workers: plan.workers }, `listening: ${now}`);
  }

  #routes(): ControlRoutes {
    const whenRunning =
      (act: (generation: Generation) => Promise<ControlAnswer>): (() => Promise<ControlAnswer>) =>
      () =>
        this.#running
          ? act(this.#running)
          : Promise.resolve({ status: 503, body: { error: 'the gateway is starting' } });
    return {
      'GET /pid': () => ({ status: 200, body: { pid: process.pid } }),
      'GET /status': whenRunning(async (generation) => {
        const state = this.#stop.signal.aborted ? 'stopping' : 'running';
        const { waiting } = this.#reloads;
        const rest = { state, reloads: this.#history.all, waiting } as const;
        return { status: 200, body: await collectStatus(generation, this.#pool, rest) };
      }),
      'POST /reload': whenRunning(async () => {
        const record = await this.#reloads.request('control');
        return { status: record.result === 'done' ? 200 : 409, body: record };
      }),
      'POST /stop': async () => {
        if (!this.#stop.signal.aborted) this.#onStop();
        await this.#ended.promise;
        return { status: 200, body: { pid: process.pid } };
      },
    };
  }

  #onStop(): void {
    if (this.#stop.signal.aborted) {
      if (Date.now() - this.#stopAskedAt < SAME_SIGNAL) return;
      this.#log.warn('stopping at once');
      this.#pool.killAll();
      return;
    }
    this.#stopAskedAt = Date.now();
    this.#log.info('stopping: workers finish what they have');
    this.#stop.abort(new Error('the gateway is stopping'));
    this.#stopped.resolve();
  }

  async #end(control: Control | null): Promise<void> {
    await this.#autoReload.close();
    // First the primary's hold on the sockets, so that the workers', whose queues they empty, is
    // the last one.
    this.#listeners.close();
    await this.#pool.drainAll();
    this.#ended.resolve();
    await control?.close();
    if (this.#options.pidFile) releasePidFile(this.#options.pidFile);
    if (control) this.#log.info('stopped');
  }
}

/** Node's own options that make sense for workers too; not those for this process alone. */
function workerExecArgv(): string[] {
  const own = /^--(inspect|test|eval|print|watch|input-type|check|interactive)/;
  return process.execArgv.filter((option) => option.startsWith('--') && !own.test(option));
}

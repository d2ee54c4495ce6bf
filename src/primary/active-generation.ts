import type { Log } from '../log.ts';
import type { Api } from './control/api.ts';
import type { InstanceLock } from './instance/instance-lock.ts';
import type { Candidate, Generation } from './generation.ts';
import type { AutoReload } from './reload/auto-reload.ts';
import type { CertificateClock } from './reload/certificates.ts';
import type { ListenerPlan } from './sockets/listeners.ts';
import { describeListening } from './status/status.ts';
import type { Pool } from './workers/pool.ts';
import type { WorkerRecord } from './orphans/worker-record.ts';

export interface ActiveGenerationDependencies {
  readonly log: Log;
  readonly pool: Pool;
  readonly api: Api;
  readonly instanceLock: InstanceLock;
  readonly certificateClock: CertificateClock;
  readonly workerRecord: WorkerRecord;
  readonly autoReload: AutoReload;
}

/** The generation that is running, and all in the primary that depends on its configuration. */
export class ActiveGeneration {
  /** Null until the first workers serve. */
  current: Generation | null = null;
  /** Number of the last generation of the primary that this one replaces. */
  inheritedNumber = 0;
  readonly #dependencies: ActiveGenerationDependencies;
  readonly #readyTimeoutMs: number;

  constructor(dependencies: ActiveGenerationDependencies, readyTimeoutMs = 30_000) {
    this.#dependencies = dependencies;
    this.#readyTimeoutMs = readyTimeoutMs;
  }

  /** Changes and requests for them come only once there is one. */
  get running(): Generation {
    if (!this.current) throw new Error('no generation is running');
    return this.current;
  }

  /** The next generation, which is not active yet. */
  next({ config, credentials }: Candidate, plan: ListenerPlan): Generation {
    const number = (this.current?.number ?? this.inheritedNumber) + 1;
    return { number, config, credentials, plan, readyTimeoutMs: this.#readyTimeoutMs };
  }

  /** Every worker serves this generation. */
  activate(generation: Generation): void {
    const { log, pool, certificateClock } = this.#dependencies;
    const { config, credentials, number } = generation;
    const previous = this.current;
    this.current = generation;
    certificateClock.set(credentials, log);
    pool.clusterMonitor.keep(config.elasticsearch.map(({ name }) => name));
    this.serveApi(generation);
    log.level = config.log.level;
    process.title = `evergate: primary (generation ${number})`;
    this.#logAddresses(generation, previous);
    if (previous) this.#follow(generation);
  }

  /** The other primary's API serves until this one holds the lock. */
  serveApi({ config, plan }: Generation): void {
    const { api, instanceLock } = this.#dependencies;
    if (instanceLock.isHeld) api.serve(config.api, plan.api);
  }

  #follow({ config }: Generation): void {
    const { log, workerRecord, autoReload } = this.#dependencies;
    workerRecord.open(config);
    autoReload.enable(config.configs.auto_reload).catch((error: unknown) => {
      log.error({ error }, 'the configuration cannot be watched');
    });
  }

  #logAddresses(generation: Generation, previous: Generation | null): void {
    const addresses = describeListening(generation);
    if (previous && describeListening(previous) === addresses) return;
    const { workers } = generation.plan;
    this.#dependencies.log.info(
      { generation: generation.number, workers },
      `listening: ${addresses}`,
    );
  }
}

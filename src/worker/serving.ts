import type { EntryConfig, GatewayConfig, PluginConfig } from '../config/types.ts';
import type { EntryDrainOptions } from '../entry/connection/drain.ts';
import { Entry } from '../entry/entry.ts';
import { filters } from '../filters/index.ts';
import { type CompiledFlow, compileFlows } from '../flow/compiler.ts';
import type { FilterDefinition, FlowServices } from '../flow/filter.ts';
import type { InflightBytes } from '../http/body/memory-budget.ts';
import type { DrainReport, WorkerInspection } from '../ipc/messages.ts';
import type { Log } from '../log.ts';
import { lostLineCounts } from '../runtime/lines/line-buffer.ts';
import { importPlugin } from '../runtime/modules/plugin-loader.ts';
import { RateWindows } from '../shared-limits/worker/rate-windows.ts';
import type { EntryCredentials } from '../tls/credentials.ts';
import { type ClusterChannel, WorkerClusters } from './clusters.ts';
import { EntryPipeline, lookUp } from './entry-pipeline.ts';
import { identityOf } from './identity.ts';
import { memoryForClients } from './memory.ts';

/** Services of the worker's process. */
export interface WorkerServices extends ClusterChannel {
  readonly log: Log;
  /** Certificates and keys of the entries with TLS, by entry. */
  readonly credentials: Readonly<Record<string, EntryCredentials>>;
  /** Keys of TLS session tickets, one after the other, the newest first. */
  readonly ticketKeys: Buffer;
}

/** Serves the requests of one configuration in a worker's process. */
export interface RequestServer {
  readonly clusters: Pick<WorkerClusters, 'observe' | 'take' | 'check'>;
  /** Begins to accept on a listening handle for that entry. */
  listen(entry: string, handle: unknown): Promise<void>;
  /** Sends each entry a request of its own. @throws the reason why one failed */
  selfTest(): Promise<void>;
  setTicketKeys(keys: Buffer): void;
  inspect(): WorkerInspection;
  /**
   * Stops accepting; settles when the last connection has gone and everything is closed. The
   * callbacks come once all entries have closed to new connections, or have only streams left.
   */
  drain(options: EntryDrainOptions): Promise<DrainReport>;
  /** The gateway stops while this worker drains. */
  stopDraining(): void;
  /** Ends the streams that are left in a worker that drains. */
  endStreams(): void;
  /** Breaks everything off. */
  close(): void;
}

/** Connections named in an inspection. */
const maxHolders = 20;

/** Entries, routers, flows and clusters of one configuration: the only place that sees them all. */
export class Serving implements RequestServer {
  readonly clusters: WorkerClusters;
  readonly #limits: RateWindows;
  readonly #services: WorkerServices;
  readonly #flows: ReadonlyMap<string, CompiledFlow>;
  /** By router. */
  readonly #pipelines = new Map<string, EntryPipeline>();
  readonly #entries = new Map<string, Entry>();
  #isClosed = false;

  /** @throws the reason why a part of it cannot be built */
  static async build(config: GatewayConfig, services: WorkerServices): Promise<Serving> {
    return new Serving(config, await filterDefinitions(config.plugins), services);
  }

  private constructor(
    config: GatewayConfig,
    definitions: ReadonlyMap<string, FilterDefinition>,
    services: WorkerServices,
  ) {
    const { log } = services;
    this.#services = services;
    this.clusters = new WorkerClusters(config.elasticsearch, log, services);
    this.#limits = new RateWindows(services.leases);
    this.#flows = compileFlows(config.flow, definitions, this.#flowServices(config));
    for (const router of config.router) {
      this.#pipelines.set(router.name, new EntryPipeline(router, this.#flows, log));
    }
    const memory = memoryForClients(config);
    for (const entry of config.entry) {
      const identity = identityOf(config.path.data, entry.name);
      this.#entries.set(entry.name, this.#createEntry(entry, identity, memory));
    }
  }

  listen(entry: string, handle: unknown): Promise<void> {
    return lookUp(this.#entries, 'entry', entry).listen(handle);
  }

  async selfTest(): Promise<void> {
    for (const entry of this.#entries.values()) await entry.prove();
  }

  setTicketKeys(keys: Buffer): void {
    for (const entry of this.#entries.values()) entry.setTicketKeys(keys);
  }

  inspect(): WorkerInspection {
    const entries = [...this.#entries.values()];
    const draining = entries.filter((entry) => entry.draining);
    return {
      entries: entries.map((entry) => entry.inspect()),
      clusters: this.clusters.inspect(),
      memory: process.memoryUsage.rss(),
      lostLines: lostLineCounts(),
      holders: draining
        .flatMap((entry) => entry.holders())
        .sort((a, b) => b.age - a.age)
        .slice(0, maxHolders),
    };
  }

  async drain({ cause, ...callbacks }: EntryDrainOptions): Promise<DrainReport> {
    this.clusters.observe(false);
    const { size } = this.#entries;
    const closedToNew = afterCalls(size, callbacks.closedToNew);
    const onlyStreams = afterCalls(size, callbacks.onlyStreams);
    const reports = await Promise.all(
      Array.from(this.#entries.values(), (entry) =>
        entry.drain({ cause, closedToNew, onlyStreams }),
      ),
    );
    await Promise.all(Array.from(this.#pipelines.values(), (pipeline) => pipeline.idle()));
    await this.#close();
    return reports.reduce(
      (sum, report) => ({
        answered: sum.answered + report.answered,
        quiet: sum.quiet + report.quiet,
        forced: sum.forced + report.forced,
      }),
      { answered: 0, quiet: 0, forced: 0 },
    );
  }

  stopDraining(): void {
    for (const entry of this.#entries.values()) entry.stopDraining();
  }

  endStreams(): void {
    for (const entry of this.#entries.values()) entry.endStreams();
  }

  close(): void {
    for (const entry of this.#entries.values()) entry.close();
    void this.#close();
  }

  /** Flows and clusters, which entries need until they have closed. */
  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#limits.close();
    this.clusters.observe(false);
    const parts = [...this.#flows.values(), ...this.clusters.all];
    for (const result of await Promise.allSettled(parts.map((part) => part.close()))) {
      if (result.status === 'fulfilled') continue;
      this.#services.log.error({ error: result.reason }, 'closing failed');
    }
  }

  #flowServices({ path }: GatewayConfig): FlowServices {
    return {
      log: this.#services.log,
      cluster: (name) => lookUp(this.clusters, 'cluster', name),
      ownCluster: (own) => this.clusters.open(own),
      // Looked up when it runs, so that flows may name each other in any order.
      flow: (name) => (context) => lookUp(this.#flows, 'flow', name).handle(context),
      hasFlow: (name) => this.#flows.has(name),
      limit: (id, rules) => this.#limits.open(id, rules),
      logFolder: path.logs,
    };
  }

  #createEntry(config: EntryConfig, identity: string, memory: InflightBytes): Entry {
    const { name } = config;
    const { log, leases, credentials, ticketKeys } = this.#services;
    const { route, admits } = lookUp(this.#pipelines, 'router', config.router);
    return new Entry(config, {
      log,
      memory,
      identity,
      leases,
      route,
      admits,
      credentials: credentials[name],
      ticketKeys,
    });
  }
}

/** The filters of the gateway, and those of plugins. */
async function filterDefinitions(
  plugins: readonly PluginConfig[],
): Promise<Map<string, FilterDefinition>> {
  const definitions = new Map(filters.map((definition) => [definition.name, definition]));
  for (const { path, version } of plugins) {
    for (const definition of await importPlugin(path, version)) {
      const plugin = definition as FilterDefinition;
      definitions.set(plugin.name, plugin);
    }
  }
  return definitions;
}

/** Calls `done` when the returned function has been called `count` times. */
function afterCalls(count: number, done: (() => void) | undefined): () => void {
  let left = count;
  return () => {
    left--;
    if (left === 0) done?.();
  };
}

import type { GatewayConfig, RouterConfig } from '../config/types.ts';
import type { RequestContext } from '../http/context.ts';
import type { NetworkTest } from '../context/networks.ts';
import type { EntryDrainOptions } from '../entry/connection/drain.ts';
import { Entry } from '../entry/entry.ts';
import { filters } from '../filters/index.ts';
import type { EntryCredentials } from '../tls/credentials.ts';
import { compileFlows, flowsInSequence } from '../flow/compiler.ts';
import type { FilterDefinition, FlowServices, Handler } from '../flow/filter.ts';
import { lostLineCounts } from '../runtime/lines/line-buffer.ts';
import { importPlugin } from '../runtime/modules/plugin-loader.ts';
import { addressPermitName, permitSubject } from '../shared-limits/lease-key.ts';
import type { DrainReport, WorkerInspection } from '../ipc/messages.ts';
import type { LimitToPrimary } from '../shared-limits/messages.ts';
import type { Log } from '../log.ts';
import { memoryForClients } from './memory.ts';
import { Router } from '../router/router.ts';
import { LimitShares } from '../shared-limits/worker/rate-window.ts';
import { Tracer } from './tracing-flow.ts';
import { identityOf } from './identity.ts';
import { clientAccess } from './client-access.ts';
import { type ClusterChannel, WorkerClusters } from './clusters.ts';

/** What a worker's process gives to what it serves. */
export interface WorkerServices extends ClusterChannel {
  /** Speaks with the primary about limits; answered by `limits.take`. */
  sendLimit(message: LimitToPrimary): void;
  readonly log: Log;
  /** What entries with TLS show their clients, by entry. */
  readonly credentials: Readonly<Record<string, EntryCredentials>>;
  /** Key of TLS session tickets, 48 bytes. */
  readonly ticketKeys: Buffer;
}

/** Everything a worker serves, built from one configuration. */
export interface Serving {
  readonly limits: Pick<LimitShares, 'take'>;
  readonly clusters: Pick<WorkerClusters, 'observe' | 'take' | 'check' | 'grant'>;
  /** Begins to accept on a listening handle for that entry. */
  listen(entry: string, handle: unknown): Promise<void>;
  /** Lets each entry answer a request to itself. @throws why one could not. */
  prove(): Promise<void>;
  grantPermits(entry: string, count: number): void;
  recallPermits(entry: string): void;
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

/** What an entry's requests meet before their flow. */
interface Way {
  readonly router: Router<Handler>;
  readonly tracer: Tracer | null;
  readonly access: NetworkTest | null;
}

/** Connections named in an inspection. */
const maxHolders = 20;

/**
 * Builds entries, routers, flows and clusters: the only place that sees them all.
 * @throws what keeps one of them from being built.
 */
export async function buildWorker(
  config: GatewayConfig,
  services: WorkerServices,
): Promise<Serving> {
  const { log } = services;
  const clusters = new WorkerClusters(config.elasticsearch, log, services);
  const entries = new Map<string, Entry>();
  const limits = new LimitShares((message) => services.sendLimit(message));
  const memory = memoryForClients(config);
  let closed = false;

  const flowServices: FlowServices = {
    log,
    cluster: (name) => found(clusters, 'cluster', name),
    ownCluster: (own) => clusters.open(own),
    // Looked up when it runs, so that flows may name each other in any order.
    flow: (name) => (context) => found(flows, 'flow', name).handle(context),
    hasFlow: (name) => flows.has(name),
    limit: (id, rules) => limits.open({ id, ...rules }),
    logFolder: config.path.logs,
  };
  const definitions = new Map(filters.map((definition) => [definition.name, definition]));
  for (const { path, version } of config.plugins) {
    // oxlint-disable-next-line no-await-in-loop -- few, and of files
    for (const definition of await importPlugin(path, version)) {
      const plugin = definition as FilterDefinition;
      definitions.set(plugin.name, plugin);
    }
  }
  const flows = compileFlows(config.flow, definitions, flowServices);
  const tracers: Tracer[] = [];
  const routers = new Map(config.router.map((router) => [router.name, createRouter(router)]));
  for (const entry of config.entry) {
    const { router, tracer, access } = found(routers, 'router', entry.router);
    const permits = {
      request: (count: number) => services.requestPermits(entry.name, count),
      give: (count: number) => services.returnPermits(entry.name, count),
    };
    const addressPermits = (address: string): typeof permits => {
      const name = addressPermitName(entry.name, address);
      return {
        request: (count) => services.requestPermits(name, count),
        give: (count) => services.returnPermits(name, count),
      };
    };
    const route = (context: RequestContext): Handler => {
      tracer?.follow(context);
      return router.find(context);
    };
    const credentials = services.credentials[entry.name];
    const { ticketKeys } = services;
    entries.set(
      entry.name,
      new Entry(entry, {
        log,
        memory,
        identity: identityOf(config.path.data, entry.name),
        permits,
        addressPermits,
        route,
        admits: access,
        credentials,
        ticketKeys,
      }),
    );
  }
  return {
    clusters,
    limits,
    listen,
    prove,
    grantPermits,
    recallPermits,
    setTicketKeys,
    inspect,
    drain,
    stopDraining: () => entries.forEach((entry) => entry.stopDraining()),
    endStreams: () => entries.forEach((entry) => entry.endStreams()),
    close,
  };

  function createRouter(router: RouterConfig): Way {
    const { tracing_flow: traced, ip_access_control: access } = router;
    const tracer = traced === null ? null : new Tracer(traced, found(flows, 'flow', traced), log);
    if (tracer) tracers.push(tracer);
    const resolve = (names: readonly string[]): Handler =>
      flowsInSequence(names.map((name) => found(flows, 'flow', name)));
    return {
      router: new Router<Handler>(router, resolve),
      tracer,
      access: access && clientAccess(access),
    };
  }

  function listen(entry: string, handle: unknown): Promise<void> {
    return found(entries, 'entry', entry).listen(handle);
  }

  async function prove(): Promise<void> {
    for (const entry of entries.values()) await entry.prove();
  }

  function grantPermits(name: string, count: number): void {
    const subject = permitSubject(name);
    if ('cluster' in subject) clusters.grantPermits(subject.cluster, subject.node, count);
    else entries.get(subject.entry)?.grantPermits(count, subject.address);
  }

  function recallPermits(name: string): void {
    const subject = permitSubject(name);
    if ('cluster' in subject) clusters.recallPermits(subject.cluster, subject.node);
    else entries.get(subject.entry)?.recallPermits(subject.address);
  }

  function setTicketKeys(keys: Buffer): void {
    for (const entry of entries.values()) entry.setTicketKeys(keys);
  }

  function inspect(): WorkerInspection {
    const all = [...entries.values()];
    const draining = all.filter((entry) => entry.draining);
    return {
      entries: all.map((entry) => entry.inspect()),
      clusters: clusters.inspect(),
      memory: process.memoryUsage.rss(),
      lostLines: lostLineCounts(),
      holders: draining
        .flatMap((entry) => entry.holders())
        .sort((a, b) => b.age - a.age)
        .slice(0, maxHolders),
    };
  }

  async function drain({ cause, ...told }: EntryDrainOptions): Promise<DrainReport> {
    clusters.observe(false);
    const closedToNew = afterCalls(entries.size, told.closedToNew);
    const onlyStreams = afterCalls(entries.size, told.onlyStreams);
    const reports = await Promise.all(
      Array.from(entries.values(), (entry) => entry.drain({ cause, closedToNew, onlyStreams })),
    );
    await Promise.all(tracers.map((tracer) => tracer.idle()));
    await closeAll();
    return reports.reduce(
      (sum, report) => ({
        answered: sum.answered + report.answered,
        quiet: sum.quiet + report.quiet,
        forced: sum.forced + report.forced,
      }),
      { answered: 0, quiet: 0, forced: 0 },
    );
  }

  async function closeAll(): Promise<void> {
    if (closed) return;
    closed = true;
    limits.close();
    clusters.observe(false);
    const closers = [...flows.values(), ...clusters.all];
    for (const result of await Promise.allSettled(closers.map((each) => each.close()))) {
      if (result.status === 'rejected') log.error({ error: result.reason }, 'closing failed');
    }
  }

  function close(): void {
    for (const entry of entries.values()) entry.close();
    void closeAll();
  }
}

function found<Value>(
  all: { get(name: string): Value | undefined },
  what: string,
  name: string,
): Value {
  const value = all.get(name);
  if (value === undefined) throw new Error(`there is no ${what} called ${name}`);
  return value;
}

/** Calls `done` when the function that it gives has been called so many times. */
function afterCalls(count: number, done: (() => void) | undefined): () => void {
  let left = count;
  return () => {
    left--;
    if (left === 0) done?.();
  };
}

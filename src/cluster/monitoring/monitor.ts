import { isDeepStrictEqual } from 'node:util';
import type {
  DiscoveryConfig,
  ElasticsearchConfig,
  HealthCheckConfig,
} from '../../config/types.ts';
import { GatewayError, reasonOf } from '../../errors.ts';
import type { ClusterObservation, NodeIdentity, NodeObservation } from '../../ipc/cluster-state.ts';
import type { Log } from '../../log.ts';
import { basicAuth } from '../../http/basic-auth.ts';
import { defaultConnections } from '../cluster.ts';
import { isWellOfElasticsearch, type StatusTest, statusTest } from './expected-status.ts';
import { openTransport } from '../nodes/node.ts';
import { probe } from './health-request.ts';
import { nodeNameOf } from '../names/node-name.ts';
import { readTlsFiles } from '../transport/tls-files.ts';
import { parseTopology, topologyPath } from './topology.ts';
import { type ConnectionSettings, isUnreachable, type Transport } from '../transport/transport.ts';

/** Checks asked for out of turn are this far apart at least, ms. */
const soonest = 1000;
/** What is found out is good for so many intervals. */
const goodFor = 3;

/** A cluster to watch, and how. */
export interface WatchedCluster {
  readonly name: string;
  /** Origins that it is known by. */
  readonly endpoints: readonly string[];
  readonly discovery: DiscoveryConfig;
  readonly healthCheck: HealthCheckConfig;
  /** Whether a status means that a node is well, where `healthCheck` does not say. */
  readonly isWell: StatusTest;
  /** Value of Authorization, or null. */
  readonly authorization: string | null;
  /** For verifying nodes; the rest is the observer's own. */
  readonly connections: Pick<ConnectionSettings, 'tls' | 'tlsInsecureSkipVerify'>;
}

/** How the cluster that a resource describes is watched. */
export function watchedOf(resource: ElasticsearchConfig): WatchedCluster {
  const { name, endpoints, discovery, health_check, basic_auth, tls } = resource;
  return {
    name,
    endpoints,
    discovery,
    healthCheck: health_check,
    isWell: isWellOfElasticsearch,
    authorization: basic_auth === null ? null : basicAuth(basic_auth),
    connections: { tls: readTlsFiles(tls), tlsInsecureSkipVerify: null },
  };
}

interface Watched {
  readonly transport: Transport;
  up: boolean | null;
  reason: string | null;
  /** Failures in a row. */
  failures: number;
  /** Answers in a row. */
  answers: number;
}

/**
 * Watches one cluster for all workers: asks it for its nodes, and every node whether it is there.
 * One worker at a time does this; all of them are told.
 */
export class ClusterObserver {
  readonly #config: WatchedCluster;
  readonly #log: Log;
  readonly #tell: (observation: ClusterObservation) => void;
  readonly #connections: ConnectionSettings;
  readonly #isWell: StatusTest;
  /** By origin. */
  readonly #watched = new Map<string, Watched>();
  #topology: ReadonlyMap<string, NodeIdentity> | null = null;
  /** performance.now() at which the cluster is asked for its nodes again. */
  #discoverAt = 0;
  #discoveryFailed = false;
  #lastRound = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  #round: Promise<void> | null = null;
  #stopped = true;

  constructor(config: WatchedCluster, log: Log, tell: (observation: ClusterObservation) => void) {
    this.#config = config;
    this.#log = log.child({ cluster: config.name });
    this.#tell = tell;
    const { timeout, interval, expected_status } = config.healthCheck;
    this.#isWell = expected_status ? statusTest(expected_status) : config.isWell;
    this.#connections = {
      ...defaultConnections,
      ...config.connections,
      connectTimeout: Math.min(timeout, defaultConnections.connectTimeout),
      maxConnections: 2,
      // Kept from one round to the next.
      idleTimeout: 2 * interval,
    };
  }

  /** @param known what was found out before, perhaps by another worker */
  start(known: ClusterObservation | null): void {
    const { discovery, healthCheck, endpoints } = this.#config;
    if (!this.#stopped || (!discovery.enabled && !healthCheck.enabled)) return;
    this.#stopped = false;
    if (known && isDeepStrictEqual(known.seeds, endpoints)) {
      if (discovery.enabled && known.discovered) this.#topology = identitiesOf(known);
      for (const { origin, up, reason } of known.nodes) {
        const failures = up === false ? healthCheck.fall : 0;
        Object.assign(this.#watch(origin), { up, reason, failures });
      }
    }
    this.#schedule(0);
  }

  /** Looks at the cluster out of turn, unless that was done just now. */
  checkSoon(): void {
    if (this.#stopped || this.#round !== null) return;
    this.#schedule(Math.max(0, this.#lastRound + soonest - performance.now()));
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { transport } of this.#watched.values()) transport.destroy();
    this.#watched.clear();
  }

  #schedule(delay: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#round = this.#look()
        .catch((error: unknown) => this.#log.error({ error }, 'watching the cluster failed'))
        .finally(() => {
          this.#round = null;
          if (!this.#stopped) this.#schedule(this.#untilNext());
        });
    }, delay);
    this.#timer.unref();
  }

  get #interval(): number {
    const { healthCheck, discovery } = this.#config;
    if (healthCheck.enabled) return Math.max(soonest, healthCheck.interval);
    return discovery.interval === 0 ? 2 ** 30 : Math.max(soonest, discovery.interval);
  }

  #untilNext(): number {
    const untilDiscovery = Math.max(soonest, this.#discoverAt - performance.now());
    return Math.min(this.#interval, untilDiscovery, 2 ** 30);
  }

  async #look(): Promise<void> {
    this.#lastRound = performance.now();
    const { discovery, healthCheck, endpoints } = this.#config;
    if (discovery.enabled && performance.now() >= this.#discoverAt) await this.#discover();
    const wanted = new Set([...endpoints, ...(this.#topology?.keys() ?? [])]);
    for (const [origin, { transport }] of this.#watched) {
      if (wanted.has(origin)) continue;
      transport.destroy();
      this.#watched.delete(origin);
    }
    // Discovered nodes are asked even where checks are off: whether they can be reached must be known.
    const asked = [...wanted].filter(
      (origin) => healthCheck.enabled || !endpoints.includes(origin),
    );
    await Promise.all(asked.map((origin) => this.#check(origin)));
    if (!this.#stopped) this.#tell(this.#observation([...wanted]));
  }

  async #discover(): Promise<void> {
    const { endpoints, discovery } = this.#config;
    const { interval } = discovery;
    const known = [...(this.#topology?.keys() ?? [])];
    const up = known.filter((origin) => this.#watched.get(origin)?.up === true);
    let reason = '';
    for (const origin of new Set([...up, ...endpoints])) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one answer is enough
        const { status, body } = await this.#ask(origin, topologyPath);
        const scheme = origin.startsWith('https:') ? 'https' : 'http';
        const topology = status === 200 ? parseTopology(body, scheme) : null;
        if (topology !== null) {
          if (this.#discoveryFailed) this.#log.info('the cluster names its nodes again');
          this.#discoveryFailed = false;
          this.#topology = topology;
          const next = interval === 0 ? Number.POSITIVE_INFINITY : interval;
          this.#discoverAt = performance.now() + next;
          return;
        }
        reason = status === 200 ? 'it names no nodes' : `it answered ${status}`;
      } catch (error) {
        reason = reasonOf(error);
      }
    }
    this.#discoverAt = performance.now() + Math.min(interval || this.#interval, this.#interval);
    if (!this.#discoveryFailed) this.#log.warn({ reason }, 'the cluster does not name its nodes');
    this.#discoveryFailed = true;
  }

  async #check(origin: string): Promise<void> {
    const watched = this.#watch(origin);
    try {
      const { status } = await this.#ask(origin, this.#config.healthCheck.path);
      if (this.#isWell(status)) this.#answered(watched);
      else this.#failed(watched, `it answered ${status}`, false);
    } catch (error) {
      // Nothing was learned of the node.
      if (error instanceof GatewayError && error.code === 'UPSTREAM_EXHAUSTED') return;
      this.#failed(watched, reasonOf(error), isUnreachable(error));
    }
  }

  #answered(watched: Watched): void {
    watched.failures = 0;
    watched.answers++;
    if (watched.up === false && watched.answers < this.#config.healthCheck.rise) return;
    watched.up = true;
    watched.reason = null;
  }

  #failed(watched: Watched, reason: string, unreachable: boolean): void {
    const { fall } = this.#config.healthCheck;
    watched.answers = 0;
    watched.failures = unreachable ? fall : watched.failures + 1;
    // A node that was never seen to answer gets no credit.
    if (watched.failures < fall && watched.up === true) return;
    watched.up = false;
    watched.reason = reason;
  }

  async #ask(origin: string, path: string): ReturnType<typeof probe> {
    const { timeout } = this.#config.healthCheck;
    const { authorization } = this.#config;
    const { host, hostname } = new URL(origin);
    // The time that a check has is the node's, and not that of a name server.
    await nodeNameOf(hostname)?.ready();
    if (this.#stopped) throw new Error('the cluster is not watched any more');
    return probe(this.#watch(origin).transport, { host, path, authorization, timeout });
  }

  #watch(origin: string): Watched {
    let watched = this.#watched.get(origin);
    if (watched === undefined) {
      const transport = openTransport(origin, this.#connections);
      watched = { transport, up: null, reason: null, failures: 0, answers: 0 };
      this.#watched.set(origin, watched);
    }
    return watched;
  }

  #observation(origins: readonly string[]): ClusterObservation {
    const nodes = origins.map((origin): NodeObservation => {
      const { up, reason } = this.#watch(origin);
      return { origin, up, reason, identity: this.#topology?.get(origin) ?? null };
    });
    return {
      cluster: this.#config.name,
      seeds: this.#config.endpoints,
      nodes,
      discovered: this.#topology !== null,
      validFor: goodFor * this.#interval,
    };
  }
}

function identitiesOf({ nodes }: ClusterObservation): Map<string, NodeIdentity> {
  return new Map(nodes.flatMap(({ origin, identity }) => (identity ? [[origin, identity]] : [])));
}

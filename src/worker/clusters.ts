import type { ElasticsearchConfig } from '../config/types.ts';
import type { ClusterInspection, ClusterObservation } from '../ipc/cluster-state.ts';
import type { Log } from '../log.ts';
import type { ClusterConfig } from '../cluster/cluster.ts';
import { clusterConfigOf, createCluster, type NodeCluster } from '../cluster/node-cluster.ts';
import type { LeaseSource } from '../shared-limits/messages.ts';
import { isWell } from '../cluster/monitoring/expected-status.ts';
import { ClusterObserver, type WatchedCluster, watchedOf } from '../cluster/monitoring/monitor.ts';

/** Messages of a worker's clusters to the other workers, sent by way of the primary. */
export interface ClusterChannel {
  /** Reports an observation of this worker, which monitors the clusters, to the others. */
  clusterObserved(observation: ClusterObservation): void;
  /** Requests the worker that monitors the clusters to check this one now. */
  wantClusterCheck(cluster: string): void;
  /** Where the limits of nodes come from. */
  readonly leases: LeaseSource;
}

/** The clusters of a worker: those of the configuration, and those of filters. */
export class WorkerClusters {
  readonly #log: Log;
  readonly #channel: ClusterChannel;
  readonly #named = new Map<string, NodeCluster>();
  readonly #own: NodeCluster[] = [];
  /** Nodes of filters' own clusters, by name. */
  readonly #ownNodes = new Map<string, string>();
  readonly #watchedOwn: NodeCluster[] = [];
  readonly #observers = new Map<string, ClusterObserver>();
  readonly #known = new Map<string, ClusterObservation>();

  constructor(resources: readonly ElasticsearchConfig[], log: Log, channel: ClusterChannel) {
    this.#log = log;
    this.#channel = channel;
    for (const resource of resources) {
      const { name } = resource;
      const environment = {
        onTrouble: () => channel.wantClusterCheck(name),
        leases: channel.leases,
      };
      this.#named.set(name, createCluster(clusterConfigOf(resource), log, environment));
      this.#watch(watchedOf(resource));
    }
  }

  get(name: string): NodeCluster | undefined {
    return this.#named.get(name);
  }

  /** A cluster of a filter's own. The first one of a name decides how it is monitored. */
  open(config: ClusterConfig): NodeCluster {
    const { nodes, healthCheck, connections } = config;
    const name = this.#nameFor(config);
    const onTrouble = (): void => this.#channel.wantClusterCheck(name);
    const cluster = createCluster(
      { ...config, name },
      this.#log,
      healthCheck?.enabled ? { onTrouble } : {},
    );
    this.#own.push(cluster);
    if (!healthCheck?.enabled) return cluster;
    this.#watchedOwn.push(cluster);
    if (!this.#observers.has(name)) {
      const discovery = { enabled: false, interval: 0 };
      const watched = { name, endpoints: nodes, discovery, healthCheck, connections, isWell };
      this.#watch({ ...watched, authorization: null });
    }
    return cluster;
  }

  /** A cluster of the same name with other nodes gets a number: monitoring and counts go by name. */
  #nameFor({ name, nodes }: ClusterConfig): string {
    const key = nodes.join();
    for (let number = 1; ; number++) {
      const free = number === 1 ? name : `${name}-${number}`;
      const known = this.#ownNodes.get(free);
      if (known === key || (known === undefined && !this.#named.has(free))) {
        this.#ownNodes.set(free, key);
        return free;
      }
    }
  }

  get all(): readonly NodeCluster[] {
    return [...this.#named.values(), ...this.#own];
  }

  /** Begins or ends to monitor the clusters for all workers. */
  observe(on: boolean): void {
    for (const [name, observer] of this.#observers) {
      if (on) observer.start(this.#known.get(name) ?? null);
      else observer.stop();
    }
  }

  /** Takes an observation of another worker. */
  take(observation: ClusterObservation): void {
    this.#known.set(observation.cluster, observation);
    this.#named.get(observation.cluster)?.observe(observation);
    for (const cluster of this.#watchedOwn) {
      if (cluster.name === observation.cluster) cluster.observe(observation);
    }
  }

  /** Checks a cluster now, if it is this worker that monitors it. */
  check(cluster: string): void {
    this.#observers.get(cluster)?.checkSoon();
  }

  inspect(): ClusterInspection[] {
    return this.all.map((cluster) => cluster.inspect());
  }

  #watch(cluster: WatchedCluster): void {
    const observer = new ClusterObserver(cluster, this.#log, (found) => this.#found(found));
    this.#observers.set(cluster.name, observer);
  }

  #found(observation: ClusterObservation): void {
    this.take(observation);
    this.#channel.clusterObserved(observation);
  }
}

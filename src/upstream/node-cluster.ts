import type { ElasticsearchConfig } from '../config/types.ts';
import type { RequestContext } from '../context/context.ts';
import type { Log } from '../log.ts';
import { type Balancer, createBalancer } from './balancer.ts';
import {
  type Cluster,
  type ClusterConfig,
  type ClusterSettings,
  defaultConnections,
  type ForwardOptions,
} from './cluster.ts';
import { Forwarding, type ForwardTarget } from './forward.ts';
import { NodeHealth } from './health.ts';
import { Node, nodeName } from './node.ts';
import { RetryBudget } from './retry.ts';

/** A cluster at work. Nothing is connected before the first request. */
export function createCluster(config: ClusterConfig, log: Log): Cluster {
  const healths = new Map(
    config.nodes.map((origin) => [
      origin,
      new NodeHealth(origin, log.child({ cluster: config.name })),
    ]),
  );
  return new NodeCluster(config, healths, new RetryBudget());
}

/** The cluster that an `elasticsearch` resource describes; filters set the rest by `view`. */
export function clusterConfigOf(resource: ElasticsearchConfig): ClusterConfig {
  return {
    name: resource.name,
    nodes: resource.endpoints,
    weights: {},
    balancer: 'weight',
    basicAuth: resource.basic_auth,
    ejectFailing: true,
    connections: defaultConnections,
  };
}

class NodeCluster implements Cluster, ForwardTarget {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly balancer: Balancer;
  readonly budget: RetryBudget;
  readonly authorization: string | null;
  readonly ejectFailing: boolean;
  readonly #config: ClusterConfig;
  readonly #healths: ReadonlyMap<string, NodeHealth>;
  /** By their settings, so that filters that agree share their connections. */
  readonly #views = new Map<string, NodeCluster>();

  constructor(
    config: ClusterConfig,
    healths: ReadonlyMap<string, NodeHealth>,
    budget: RetryBudget,
  ) {
    this.name = config.name;
    this.#config = config;
    this.#healths = healths;
    this.budget = budget;
    this.balancer = createBalancer(config.balancer);
    this.ejectFailing = config.ejectFailing;
    const { basicAuth } = config;
    this.authorization =
      basicAuth === null
        ? null
        : `Basic ${Buffer.from(`${basicAuth.username}:${basicAuth.password}`).toString('base64')}`;
    this.nodes = config.nodes.map((origin) => {
      const weight = config.weights[nodeName(origin)] ?? 1;
      const health = healths.get(origin) as NodeHealth;
      return new Node(origin, weight, health, config.connections);
    });
  }

  forward(context: RequestContext, options: ForwardOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const settled = (error?: Error): void => (error === undefined ? resolve() : reject(error));
      new Forwarding(this, context, options, settled).start();
    });
  }

  view({ include = [], exclude = [], ...settings }: ClusterSettings): Cluster {
    const key = JSON.stringify([include, exclude, settings]);
    let view = this.#views.get(key);
    if (view === undefined) {
      const nodes = this.#config.nodes.filter((origin) => {
        const name = nodeName(origin);
        return !exclude.includes(name) && (include.length === 0 || include.includes(name));
      });
      const config = { ...this.#config, ...settings, nodes };
      view = new NodeCluster(config, this.#healths, this.budget);
      this.#views.set(key, view);
    }
    return view;
  }

  async close(): Promise<void> {
    const all = [...this.nodes, ...this.#views.values()];
    await Promise.all(all.map((each) => each.close()));
  }
}

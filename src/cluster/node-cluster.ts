import type { ElasticsearchConfig } from '../config/types.ts';
import type { RequestContext } from '../http/context.ts';
import type { ClusterInspection, ClusterObservation } from '../ipc/cluster-state.ts';
import type { Log } from '../log.ts';
import type { LeaseSource } from '../shared-limits/messages.ts';
import { type Balancer, createBalancer } from './balancing/balancer.ts';
import {
  type Cluster,
  type ClusterConfig,
  type ClusterSettings,
  defaultConnections,
  defaultForwardOptions,
  type ForwardOptions,
} from './cluster.ts';
import { basicAuth } from '../http/basic-auth.ts';
import { Forwarding } from './forwarding/forwarding.ts';
import type { ForwardTarget } from './forwarding/target.ts';
import { Membership } from './nodes/membership.ts';
import { NodeTraffic, type TrafficLimits } from './nodes/traffic-limits.ts';
import { Node, nodeName } from './nodes/node.ts';
import { useOf } from './nodes/selection.ts';
import { RetryBudget } from './forwarding/retry-budget.ts';
import { readTlsFiles } from './transport/tls-files.ts';

/** What joins a cluster with its like in the other workers; absent where it stands alone. */
export interface ClusterEnvironment {
  /** Called when a node is ejected, and when somebody wants the nodes checked. */
  readonly onTrouble?: () => void;
  /** Where the limits of its nodes come from. */
  readonly leases?: LeaseSource;
}

/**
 * A cluster at work. Nothing is connected before the first request.
 */
export function createCluster(
  config: ClusterConfig,
  log: Log,
  environment: ClusterEnvironment = {},
): NodeCluster {
  const told = log.child({ cluster: config.name });
  const { onTrouble = () => {}, leases } = environment;
  const { name, traffic } = config;
  const trafficOf = (node: string): NodeTraffic | null =>
    traffic && leases ? new NodeTraffic(name, node, traffic, leases) : null;
  const membership = new Membership(config.nodes, told, onTrouble, trafficOf);
  return new NodeCluster(config, membership, new RetryBudget(), onTrouble);
}

/** The cluster that an `elasticsearch` resource describes; filters set the rest by `view`. */
export function clusterConfigOf(resource: ElasticsearchConfig): ClusterConfig {
  return {
    name: resource.name,
    requestTimeout: resource.request_timeout,
    nodes: resource.endpoints,
    weights: {},
    balancer: 'weight',
    basicAuth: resource.basic_auth,
    ejectFailing: true,
    compress: resource.request_compress,
    traffic: trafficLimitsOf(resource),
    connections: {
      ...defaultConnections,
      tls: readTlsFiles(resource.tls),
      allowH2: resource.http2,
    },
  };
}

function trafficLimitsOf({ traffic_control: limits }: ElasticsearchConfig): TrafficLimits | null {
  if (limits === null) return null;
  return {
    requests: limits.max_qps_per_node,
    bytes: limits.max_bytes_per_node,
    connections: limits.max_connection_per_node,
    wait: limits.max_wait_time_in_ms,
  };
}

export class NodeCluster implements Cluster, ForwardTarget {
  readonly name: string;
  readonly requestTimeout: number;
  readonly balancer: Balancer;
  readonly budget: RetryBudget;
  readonly authorization: string | null;
  readonly ejectFailing: boolean;
  readonly compress: boolean;
  readonly http2: boolean;
  readonly checkSoon: () => void;
  readonly #config: ClusterConfig;
  readonly #settings: ClusterSettings;
  readonly #membership: Membership;
  /** By their settings, so that filters that agree share their connections. */
  readonly #views = new Map<string, NodeCluster>();
  #nodes: readonly Node[] = [];

  constructor(
    config: ClusterConfig,
    membership: Membership,
    budget: RetryBudget,
    checkSoon: () => void,
    settings: ClusterSettings = {},
  ) {
    this.name = config.name;
    this.requestTimeout = config.requestTimeout ?? defaultForwardOptions.headTimeout;
    this.#config = config;
    this.checkSoon = checkSoon;
    this.#settings = settings;
    this.#membership = membership;
    this.budget = budget;
    this.balancer = createBalancer(config.balancer);
    this.ejectFailing = config.ejectFailing;
    this.compress = config.compress ?? false;
    this.http2 = config.connections.allowH2;
    const { basicAuth: credentials } = config;
    this.authorization = credentials === null ? null : basicAuth(credentials);
    this.#takeMembers();
  }

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  get available(): boolean {
    return this.#nodes.some(({ weight, health }) => weight > 0 && health.available);
  }

  forward(context: RequestContext, options: ForwardOptions): PromiseLike<void> {
    const forwarding = new Forwarding(this, context, options);
    forwarding.start();
    return forwarding;
  }

  view(settings: ClusterSettings): Cluster {
    const key = JSON.stringify(settings);
    let view = this.#views.get(key);
    if (view === undefined) {
      const { weights, balancer, connections } = { ...this.#config, ...settings };
      const { tls, allowH2 } = this.#config.connections;
      const config = {
        ...this.#config,
        weights,
        balancer,
        connections: { ...connections, tls, allowH2 },
      };
      view = new NodeCluster(config, this.#membership, this.budget, this.checkSoon, settings);
      this.#views.set(key, view);
    }
    return view;
  }

  /** Takes over what the worker that watches the cluster has found. */
  observe(observation: ClusterObservation): void {
    if (!this.#membership.apply(observation)) return;
    this.#takeMembers();
    for (const view of this.#views.values()) view.#takeMembers();
  }

  inspect(): ClusterInspection {
    const all = [this, ...this.#views.values()].flatMap(({ nodes }) => nodes);
    return {
      cluster: this.name,
      available: this.available,
      nodes: this.#membership.members.map(({ origin, health }) => {
        const same = all.filter((node) => node.origin === origin);
        return {
          origin,
          used: !health.ejected,
          inFlight: same.reduce((sum, { inFlight }) => sum + inFlight, 0),
          requests: same.reduce((sum, { requests }) => sum + requests, 0),
          failures: same.reduce((sum, { failures }) => sum + failures, 0),
        };
      }),
    };
  }

  async close(): Promise<void> {
    const all = [...this.#nodes, ...this.#views.values()];
    await Promise.all(all.map((each) => each.close()));
  }

  /** Nodes that stay keep their connections; those that go finish what they have. */
  #takeMembers(): void {
    const { filter = {}, followsDiscovery = true } = this.#settings;
    const before = new Map(this.#nodes.map((node) => [node.origin, node]));
    const nodes: Node[] = [];
    for (const member of this.#membership.members) {
      if (!followsDiscovery && !member.seed) continue;
      const { origin } = member;
      const use = useOf(followsDiscovery ? member : { ...member, reserve: false }, filter);
      if (use === 'never') continue;
      const weight = this.#config.weights[nodeName(origin)] ?? 1;
      const node = before.get(origin) ?? new Node(member, weight, this.#config.connections);
      node.reserve = use === 'reserve';
      nodes.push(node);
      before.delete(origin);
    }
    this.#nodes = nodes;
    for (const gone of before.values()) void gone.close();
  }
}

import type { HealthCheckConfig } from '../config/types.ts';
import type { RequestContext } from '../http/context.ts';
import type { TrafficLimits } from './nodes/traffic-limits.ts';
import type { NodeFilter } from './nodes/selection.ts';
import type { ConnectionSettings } from './transport/transport.ts';

/** How one place in a flow forwards to a cluster. Milliseconds and bytes; 0 means no limit. */
export interface ForwardOptions {
  readonly headTimeout: number;
  readonly bodyTimeout: number;
  /** Bytes that a response's body may have. */
  readonly maxResponseSize: number;
  readonly retry: RetryPolicy;
  /**
   * The Host that nodes see: the one the client sent, which virtual hosts go by, or the node's own
   * address, which hosted clusters insist on.
   */
  readonly host: 'client' | 'node';
  /** Whether a request only reads: by its method, or as Elasticsearch defines its requests. */
  readonly isRead: (method: string, target: string) => boolean;
  /** Value of a Via field to add to requests and responses, or null. */
  readonly via: string | null;
  /** What a failure becomes: a response in the context, or an error that ends the flow. */
  readonly failure: 'response' | 'error';
  /** What the response tells of where it came from: X-Backend-Cluster, and X-Backend-Server. */
  readonly tells: 'cluster and node' | 'node' | 'nothing';
  /** What a `hash` balancer goes by; null for other balancers. */
  readonly hashKey: ((context: RequestContext) => string) | null;
}

/** When a failed attempt is repeated. A failed connect always is, at another node. */
export interface RetryPolicy {
  /** Attempts after the first. */
  readonly maxTimes: number;
  /** Whether anything but a failed connect is repeated at all. */
  readonly onFailure: boolean;
  /** Requests that only read, until the response's head. */
  readonly readsOnFailure: boolean;
  /** Requests that may have changed something already: they can take effect twice. */
  readonly writesOnFailure: boolean;
  /** Answers with status 429. */
  readonly onBusy: boolean;
  /** Milliseconds before the same node is tried again; another node is tried at once. */
  readonly delay: number;
}

export type BalancerName = 'weight' | 'least_in_flight' | 'hash';

/** What a cluster is made of. */
export interface ClusterConfig {
  readonly name: string;
  /** How long its nodes may take to answer unless a filter says otherwise, ms. */
  readonly requestTimeout?: number;
  /** Origins, `http://host:port` or `https://host:port`. */
  readonly nodes: readonly string[];
  /** Share of the requests by `host:port`; 1 for those not named, 0 takes none. */
  readonly weights: Readonly<Record<string, number>>;
  readonly balancer: BalancerName;
  /** Given to the node when the client sent no Authorization. */
  readonly basicAuth: { readonly username: string; readonly password: string } | null;
  /** Whether nodes that fail are left out for a while. */
  readonly ejectFailing: boolean;
  /** Whether bodies of requests are compressed; absent for no. */
  readonly compress?: boolean;
  /** Limits by the second for each node; null or absent for none. */
  readonly traffic?: TrafficLimits | null;
  /** How its nodes are checked; absent for not at all, or by whoever watches the resource. */
  readonly healthCheck?: HealthCheckConfig;
  readonly connections: ConnectionSettings;
}

/** What a place in a flow may set differently for its own use of a cluster. */
export type ClusterSettings = Partial<
  Pick<ClusterConfig, 'weights' | 'balancer' | 'connections'> & {
    readonly filter: NodeFilter;
    /** Whether nodes that were discovered are used, too. Default true. */
    readonly followsDiscovery: boolean;
  }
>;

/** A group of nodes that serve the same content. */
export interface Cluster {
  readonly name: string;
  /** How long its nodes may take to answer unless a filter says otherwise, ms; 0 for no limit. */
  readonly requestTimeout: number;
  /** Whether it is believed to have a node that takes requests; absent when it cannot know. */
  readonly available?: boolean;
  /** Has its nodes checked now, if somebody checks them; absent when nobody does. */
  checkSoon?(): void;
  /**
   * Sends the request to a node; settles when the response's head is in `context.response`, whose
   * body somebody then has to start or cancel.
   * With `failure: 'response'` the response may tell of a failure of the cluster's.
   * @throws UPSTREAM_UNAVAILABLE, UPSTREAM_CONNECT, UPSTREAM_BUSY, UPSTREAM_BROKEN, UPSTREAM_TIMEOUT,
   *   CLIENT_GONE, or what the request's body failed with
   */
  forward(context: RequestContext, options: ForwardOptions): PromiseLike<void>;
  /**
   * The same cluster by other settings, with connections of its own (its `tls` and `allowH2` stay).
   * The nodes' health is common to both, and closing the cluster closes it too.
   */
  view(settings: ClusterSettings): Cluster;
  /** Waits for exchanges under way. */
  close(): Promise<void>;
}

export const defaultConnections: ConnectionSettings = {
  connectTimeout: 3000,
  maxConnections: 5000,
  waitTimeout: 30_000,
  idleTimeout: 30_000,
  maxAge: 0,
  tlsInsecureSkipVerify: null,
  tls: null,
  allowH2: false,
};

/** Whether a request only reads, by its method. */
export function readsByMethod(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

export const defaultForwardOptions: ForwardOptions = {
  headTimeout: 30_000,
  bodyTimeout: 30_000,
  maxResponseSize: 0,
  host: 'client',
  isRead: readsByMethod,
  via: null,
  failure: 'error',
  tells: 'nothing',
  hashKey: null,
  retry: {
    maxTimes: 5,
    onFailure: true,
    readsOnFailure: true,
    writesOnFailure: false,
    onBusy: false,
    delay: 1000,
  },
};

import type { RequestContext } from '../context/context.ts';

/** How one place in a flow forwards to a cluster. Milliseconds and bytes. */
export interface ForwardOptions {
  readonly headTimeout: number;
  readonly bodyTimeout: number;
}

/** What a cluster is made of. */
export interface ClusterConfig {
  readonly name: string;
  /** Origins, `http://host:port`. */
  readonly nodes: readonly string[];
  readonly basicAuth: { readonly username: string; readonly password: string } | null;
  readonly connectTimeout: number;
  readonly maxConnectionsPerNode: number;
  readonly idleTimeout: number;
  readonly tlsInsecureSkipVerify: boolean;
}

/** A group of nodes that serve the same content. */
export interface Cluster {
  readonly name: string;
  /** Sends the request to a node; settles when the response's head is in `context.response`. */
  forward(context: RequestContext, options: ForwardOptions): Promise<void>;
  close(): Promise<void>;
}

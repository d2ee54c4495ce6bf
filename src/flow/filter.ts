import type { RequestContext } from '../context/context.ts';
import type { JsonSchema } from '../config/schema/schema.ts';
import type { Cluster, ClusterConfig } from '../upstream/cluster.ts';
import type { Log } from '../log.ts';

/**
 * One step of a compiled flow. Returns nothing when it is done, or a promise when it needs time.
 * `context.finish()` ends the request's flows; throwing answers with the error's status.
 */
export type Handler = (context: RequestContext) => void | Promise<void>;

/** A filter at work: either a bare handler, or a handler with something to close. */
export type Filter = Handler | { readonly handle: Handler; close(): void | Promise<void> };

/** What a filter may use of the worker that it runs in. */
export interface FilterServices {
  /** The cluster of that name; validation has shown that it exists. */
  cluster(name: string): Cluster;
  /** A cluster of the filter's own, closed with the flow (the `http` filter's hosts). */
  ownCluster(config: ClusterConfig): Cluster;
  /** The compiled flow of that name, as one handler. */
  flow(name: string): Handler;
  readonly log: Log;
}

/**
 * A kind of filter. The schema validates its parameters and documents them; `create` runs once per
 * place in a flow, when a worker builds its flows, and should precompute all it can.
 */
export interface FilterDefinition<Parameters = unknown> {
  readonly name: string;
  /** One sentence for `evergate explain`. */
  readonly summary: string;
  /** Schema of the parameters: an object schema with defaults, descriptions and examples. */
  readonly schema: JsonSchema;
  /**
   * What the schema cannot express: returns what is wrong with the (defaulted) parameters, each
   * with the path below them. Pure; the primary calls it too.
   */
  check?(parameters: Parameters): { path: (string | number)[]; message: string }[];
  create(parameters: Parameters, services: FilterServices): Filter;
}

/** Declares a filter; gives its parameters their type. */
export function defineFilter<Parameters>(
  definition: FilterDefinition<Parameters>,
): FilterDefinition<Parameters> {
  return definition;
}

import type { RequestContext } from '../http/context.ts';
import type { Field, FieldWriter } from '../context/fields/rule.ts';
import type { BodyLimits } from '../context/requirements.ts';
import type { Template } from '../context/template.ts';
import type { FilterProblem } from '../dialect.ts';
import type { JsonSchema } from '../config/schema/json-schema.ts';
import type { Cluster, ClusterConfig } from '../cluster/cluster.ts';
import type { Log } from '../log.ts';

/**
 * One step of a compiled flow. Returns nothing when it is done, or a promise (or what can be awaited
 * like one) when it needs time.
 * `context.finish()` ends the request's flows; throwing answers with the error's status.
 */
export type Handler = (context: RequestContext) => void | PromiseLike<void>;

/** A filter at work: either a bare handler, or a handler with something to close. */
export type Filter = Handler | { readonly handle: Handler; close(): void | Promise<void> };

/** So much in each interval, for each of its keys, over all workers together. */
export interface Limit {
  /** Spends `size` for that key: at once, or when the other workers have been asked. */
  take(key: string, size: number): boolean | Promise<boolean>;
  /** What was taken, and not used after all. */
  giveBack(key: string, size: number): void;
  /** Milliseconds until the interval of that key ends. */
  wait(key: string): number;
}

export interface LimitRules {
  readonly max: number;
  /** What may be had in one interval after others in which less was used; at least `max`. */
  readonly most: number;
  /** Milliseconds. */
  readonly interval: number;
}

/** What a worker gives to its flows. */
export interface FlowServices {
  /** The cluster of that name; validation has shown that it exists. */
  readonly cluster: (name: string) => Cluster;
  /** A cluster of the filter's own, closed with the flow (the `http` filter's hosts). */
  readonly ownCluster: (config: ClusterConfig) => Cluster;
  /** The compiled flow of that name, as one handler. */
  readonly flow: (name: string) => Handler;
  /** Whether there is a flow of that name; asked when a request is under way. */
  readonly hasFlow: (name: string) => boolean;
  /** A limit of that name, which is unique, and the same after a reload. */
  readonly limit: (name: string, rules: LimitRules) => Limit;
  /** Folder for what filters record. */
  readonly logFolder: string;
  readonly log: Log;
}

/**
 * What a filter may use of the worker that it runs in. Whatever it compiles here that needs a body
 * (`$[[_ctx.request.body]]`, a field) makes that body be in memory whenever the filter runs.
 */
export interface FilterServices extends Omit<FlowServices, 'hasFlow'> {
  /** A cluster that the filter sends nothing to. */
  readonly watchedCluster: (name: string) => Pick<Cluster, 'available' | 'checkSoon'>;
  /** A flow that runs in place of the rest, unless it is to go on. */
  readonly detour: (name: string, goOn?: boolean) => Handler;
  /** Finds flows that are named by requests; undefined for a name of none. */
  readonly flowByName: (goOn: boolean) => (name: string) => Handler | undefined;
  /**
   * Asks for so many bytes of how the bodies begin, where the flow runs when the response is out and
   * they have gone by: `Message.seen`.
   */
  readonly keepBodies: (request: number, response: number) => void;
  /** How much of bodies the flow holds in memory, for a filter that reads only some of them. */
  readonly bodyLimits: BodyLimits;
  /** A limit; the name tells it from others of the same filter. */
  readonly limit: FlowServices['limit'];
  /** A text that may hold `$[[_ctx.request.path]]` and the like; its schema says `syntax: 'template'`. */
  readonly template: (text: string) => Template;
  /** A context field to read; its schema says `syntax: 'field'`. */
  readonly field: (name: string) => Field;
  /** A context field to set; its schema says `syntax: 'settable-field'`. */
  readonly writer: (name: string) => FieldWriter;
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
   * What the schema cannot express: returns what is wrong with the (defaulted) parameters, or worth
   * a warning, each with the path below them. Pure; the primary calls it too.
   */
  check?(parameters: Parameters): FilterProblem[];
  create(parameters: Parameters, services: FilterServices): Filter;
}

/** Declares a filter; gives its parameters their type. */
export function defineFilter<Parameters>(
  definition: FilterDefinition<Parameters>,
): FilterDefinition<Parameters> {
  return definition;
}

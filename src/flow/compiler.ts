import type { BranchPlace, FilterConfig, FilterPlace, FlowConfig } from '../config/types.ts';
import { Completion, type CompletionListener } from '../http/completion.ts';
import type { RequestContext } from '../http/context.ts';
import { compileField, compileWriter } from '../context/fields/compile.ts';
import {
  type BodyLimits,
  combineNeeds,
  defaultBodyLimits,
  type Needs,
  preparation,
} from '../context/requirements.ts';
import { compileTemplate } from '../context/template.ts';
import type { JsonPath } from '../http/json/path.ts';
import { GatewayError, reasonOf } from '../errors.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { compileCondition, type Test } from './conditions/condition.ts';
import type { FilterDefinition, FilterServices, FlowServices, Handler } from './filter.ts';

/**
 * One place in the flat array that a flow compiles to. When `test` fails the flow goes on at
 * `otherwise`, else `handle` runs and it goes on at `next`. So `when` and `if` are jumps, and so is
 * the end of a `then`, over its `else`.
 */
interface Step {
  readonly path: string;
  readonly test: Test | null;
  handle: Handler | null;
  next: number;
  otherwise: number;
}

/** A flow ready to run. */
export interface CompiledFlow {
  readonly handle: Handler;
  /** Bytes of how a body begins that it wants to see when it runs after the response. */
  readonly kept: BodyLimits;
  /** Closes its filters; the first failure is thrown when all were tried. */
  close(): Promise<void>;
}

/**
 * Compiles a flow. What a filter throws ends the request: a GatewayError as it is, anything else as
 * FILTER_FAILED.
 */
export function compileFlow(
  config: FlowConfig,
  definitions: ReadonlyMap<string, FilterDefinition>,
  services: FlowServices,
  limits: BodyLimits = limitsOf(config),
): CompiledFlow {
  const compiler = new FlowCompiler(config.name, definitions, services, limits);
  compiler.addAll(config.filter);
  compiler.keepBodies();
  const { steps, closers, kept } = compiler;
  return {
    handle: (context) => run(steps, 0, context),
    kept,
    async close() {
      const results = await Promise.allSettled(closers.map(async (close) => close()));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },
  };
}

function limitsOf({ body_limits, unreadable_json }: FlowConfig): BodyLimits {
  const limits = body_limits ?? defaultBodyLimits;
  return unreadable_json === undefined ? limits : { ...limits, unreadableJson: unreadable_json };
}

/** Turns the places of a flow, nested as they are, into steps. */
class FlowCompiler {
  readonly steps: Step[] = [];
  readonly closers: (() => void | Promise<void>)[] = [];
  readonly #flow: string;
  readonly #definitions: ReadonlyMap<string, FilterDefinition>;
  readonly #services: FlowServices;
  readonly #limits: BodyLimits;
  /** Steps that send the request on, and with it a body that still streams. */
  readonly #forwarding = new Set<Step>();
  readonly #kept = { request: 0, response: 0 };
  readonly #requestJson: JsonPath[] = [];
  readonly #responseJson: JsonPath[] = [];
  /** The last step that has the request's body read. */
  #lastReading = -1;

  constructor(
    flow: string,
    definitions: ReadonlyMap<string, FilterDefinition>,
    services: FlowServices,
    limits: BodyLimits,
  ) {
    this.#flow = flow;
    this.#definitions = definitions;
    this.#services = services;
    this.#limits = limits;
  }

  get kept(): BodyLimits {
    return this.#kept;
  }

  addAll(places: readonly FilterConfig[]): void {
    for (const place of places) {
      if (place.kind === 'branch') this.#addBranch(place);
      else this.#addFilter(place);
    }
  }

  /** A body that is read after the request was sent on has to be read before that. */
  keepBodies(): void {
    const read = preparation(requestContent, this.#limits) as Handler;
    for (const [index, step] of this.steps.entries()) {
      if (index > this.#lastReading || !this.#forwarding.has(step)) continue;
      const send = step.handle as Handler;
      step.handle = (context) => {
        const pending = read(context);
        return pending === undefined ? send(context) : pending.then(() => send(context));
      };
    }
  }

  #addFilter(place: FilterPlace): void {
    const { path, when } = place;
    const test = when === undefined ? null : this.#addTest(when, path);
    const definition = this.#definitions.get(place.name);
    if (!definition) throw new Error(`${path}: no filter is called ${place.name}`);
    const use: Use = { needs: [], forwards: false, kept: { request: 0, response: 0 } };
    const filter = definition.create(
      place.parameters,
      recording(this.#services, use, this.#nameOf(path)),
    );
    this.#keep(use.kept);
    if (typeof filter !== 'function') this.closers.push(() => filter.close());
    this.#addPreparation(combineNeeds(use.needs), path);
    const handle = typeof filter === 'function' ? filter : filter.handle.bind(filter);
    const step = this.#add(path, handle);
    if (use.forwards) this.#forwarding.add(step);
    if (test) test.otherwise = this.steps.length;
  }

  /** The place by its flow's name: it stays the same when flows before it come or go. */
  #nameOf(path: string): string {
    return `${this.#flow}.${path.slice(path.indexOf('.') + 1)}`;
  }

  #addBranch(place: BranchPlace): void {
    const test = this.#addTest(place.condition, place.path);
    this.addAll(place.whenMet);
    const jump = place.otherwise.length > 0 ? this.#add(place.path, null) : null;
    test.otherwise = this.steps.length;
    this.addAll(place.otherwise);
    if (jump) jump.next = this.steps.length;
  }

  /** Adds a test; where it goes on when it fails is set when that is known. */
  #addTest(condition: unknown, path: string): Step {
    const { test, needs } = compileCondition(condition, {
      clusterAvailability: (name) => {
        const cluster = this.#services.cluster(name);
        return () => cluster.available ?? true;
      },
    });
    this.#addPreparation(needs, path);
    return this.#add(path, null, test);
  }

  /** Bodies are read right before the step that needs them, not for requests that jump over it. */
  #addPreparation(needs: Needs, path: string): void {
    const prepare = preparation(this.#withAllPaths(needs), this.#limits);
    if (prepare === undefined) return;
    if (needs.requestBody === 'content') this.#lastReading = this.steps.length;
    this.#keep({
      request: needs.requestBody === 'content' ? keptForReading : 0,
      response: needs.responseBody === 'content' ? keptForReading : 0,
    });
    this.#add(path, prepare);
  }

  /** One reading of a body finds what all steps of the flow ask of it, also those that come later. */
  #withAllPaths(needs: Needs): Needs {
    const { requestJson = [], responseJson = [] } = needs;
    this.#requestJson.push(...requestJson);
    this.#responseJson.push(...responseJson);
    return {
      ...needs,
      ...(requestJson.length > 0 && { requestJson: this.#requestJson }),
      ...(responseJson.length > 0 && { responseJson: this.#responseJson }),
    };
  }

  #keep({ request, response }: BodyLimits): void {
    this.#kept.request = Math.max(this.#kept.request, request);
    this.#kept.response = Math.max(this.#kept.response, response);
  }

  #add(path: string, handle: Handler | null, test: Test | null = null): Step {
    const next = this.steps.length + 1;
    const step: Step = { path, test, handle, next, otherwise: next };
    this.steps.push(step);
    return step;
  }
}

/** What of a streamed body a flow that runs after the response can read, bytes. */
const keptForReading = 1 << 20;

const requestContent: Needs = { requestBody: 'content', responseBody: 'nothing' };

/** What a filter has asked its services for. */
interface Use {
  readonly needs: Needs[];
  /** Whether it has a cluster to send requests to. */
  forwards: boolean;
  kept: BodyLimits;
}

/** The services of one filter, which note what it uses. */
function recording(services: FlowServices, use: Use, place: string): FilterServices {
  const noted = <Value extends { readonly needs: Needs }>(value: Value): Value => {
    use.needs.push(value.needs);
    return value;
  };
  const forwarding = (cluster: Cluster): Cluster => {
    use.forwards = true;
    return cluster;
  };
  return {
    ...services,
    limit: (name, rules) => services.limit(`${place}.${name}`, rules),
    cluster: (name) => forwarding(services.cluster(name)),
    ownCluster: (config) => forwarding(services.ownCluster(config)),
    keepBodies: (request, response) => {
      use.kept = { request, response };
    },
    template: (text) => noted(compileTemplate(text)),
    field: (name) => noted(compileField(name)),
    writer: (name) => noted(compileWriter(name)),
  };
}

/** Several handlers run one after the other as one. */
export function inSequence(handlers: readonly Handler[]): Handler {
  if (handlers.length === 1) return handlers[0] as Handler;
  const steps = handlers.map(
    (handle, i): Step => ({ path: '', test: null, handle, next: i + 1, otherwise: i + 1 }),
  );
  return (context) => run(steps, 0, context);
}

/** Runs from step `at` until the end, or until a step needs time: then the rest is asynchronous. */
function run(
  steps: readonly Step[],
  at: number,
  context: RequestContext,
): void | PromiseLike<void> {
  let index = at;
  while (index < steps.length && !context.finished) {
    const step = steps[index] as Step;
    let pending: void | PromiseLike<void>;
    try {
      if (step.test !== null && !step.test(context)) {
        index = step.otherwise;
        continue;
      }
      pending = step.handle?.(context);
    } catch (thrown) {
      throw asGatewayError(thrown, step);
    }
    if (pending instanceof Completion) return new Remainder(pending, steps, step, context);
    if (pending !== undefined) return goOn(pending, steps, step, context);
    index = step.next;
  }
}

/** What remains of a flow when a step that takes time is over. */
class Remainder extends Completion implements CompletionListener {
  readonly #steps: readonly Step[];
  readonly #step: Step;
  readonly #context: RequestContext;
  /** Whether the step itself is over. */
  #reached = false;

  constructor(pending: Completion, steps: readonly Step[], step: Step, context: RequestContext) {
    super();
    this.#steps = steps;
    this.#step = step;
    this.#context = context;
    pending.whenCompleted(this);
  }

  completed(error: unknown): void {
    if (this.#reached) return this.complete(error);
    this.#reached = true;
    if (error !== undefined) return this.complete(asGatewayError(error, this.#step));
    let more: void | PromiseLike<void>;
    try {
      more = run(this.#steps, this.#step.next, this.#context);
    } catch (thrown) {
      return this.complete(thrown);
    }
    if (more === undefined) this.complete();
    else if (more instanceof Completion) more.whenCompleted(this);
    else void this.#await(more);
  }

  async #await(more: PromiseLike<void>): Promise<void> {
    try {
      await more;
    } catch (thrown) {
      return this.complete(thrown);
    }
    this.complete();
  }
}

async function goOn(
  pending: PromiseLike<void>,
  steps: readonly Step[],
  step: Step,
  context: RequestContext,
): Promise<void> {
  try {
    await pending;
  } catch (thrown) {
    throw asGatewayError(thrown, step);
  }
  // To wait for nothing would take a turn, too.
  const more = run(steps, step.next, context);
  if (more !== undefined) await more;
}

function asGatewayError(thrown: unknown, step: Step): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError('FILTER_FAILED', { filter: step.path, reason: reasonOf(thrown) }, thrown);
}

import type { BranchPlace, FilterConfig, FilterPlace, FlowConfig } from '../config/types.ts';
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
import type { Cluster } from '../cluster/cluster.ts';
import { compileCondition, type Test } from './conditions/condition.ts';
import type { FilterDefinition, FilterServices, FlowServices, Handler } from './filter.ts';
import { detour, inSequence, run, type Sending, type Step } from './runner.ts';
import { noSending, SendingFlows } from './sending.ts';

/** A flow ready to run. */
export interface CompiledFlow {
  readonly handle: Handler;
  /** Whether it may send the request to a cluster. */
  readonly sends: boolean;
  readonly limits: BodyLimits;
  /** Bytes of how a body begins that it wants to see when it runs after the response. */
  readonly kept: BodyLimits;
  /** Closes its filters; the first failure is thrown when all were tried. */
  close(): Promise<void>;
}

/**
 * Compiles flows, which may name each other. What a filter throws ends the request: a GatewayError as
 * it is, anything else as FILTER_FAILED.
 */
export function compileFlows(
  configs: readonly FlowConfig[],
  definitions: ReadonlyMap<string, FilterDefinition>,
  services: FlowServices,
): Map<string, CompiledFlow> {
  const compilers = new Map<string, FlowCompiler>();
  for (const config of configs) {
    const compiler = new FlowCompiler(config, definitions, services);
    compiler.addAll(config.filter);
    compilers.set(config.name, compiler);
  }
  const steps = Array.from(compilers, ([name, compiler]) => [name, compiler.steps] as const);
  const senders = new SendingFlows(new Map(steps));
  const flows = new Map<string, CompiledFlow>();
  for (const [name, compiler] of compilers) {
    compiler.keepBodies(senders);
    flows.set(name, compiler.finish(senders.includes(name)));
  }
  return flows;
}

/** The flows run one after the other, as one handler. */
export function flowsInSequence(flows: readonly CompiledFlow[]): Handler {
  const handlers = flows.map(({ handle }) => handle);
  const senders = flows.filter(({ sends }) => sends);
  if (senders.length < 2) return inSequence(handlers);
  const limit = Math.max(...senders.map(({ limits }) => limits.request));
  return inSequence([({ request }) => request.keepBody(limit), ...handlers]);
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
  readonly #kept = { request: 0, response: 0 };
  readonly #requestJson: JsonPath[] = [];
  readonly #responseJson: JsonPath[] = [];
  /** The last step that has the request's body read. */
  #lastReading = -1;

  constructor(
    config: FlowConfig,
    definitions: ReadonlyMap<string, FilterDefinition>,
    services: FlowServices,
  ) {
    this.#flow = config.name;
    this.#definitions = definitions;
    this.#services = services;
    this.#limits = limitsOf(config);
  }

  addAll(places: readonly FilterConfig[]): void {
    for (const place of places) {
      if (place.kind === 'branch') this.#addBranch(place);
      else this.#addFilter(place);
    }
  }

  /**
   * A body that is read after the request was sent on has to be read before that; one that may be
   * sent on twice is kept.
   */
  keepBodies(senders: SendingFlows): void {
    const { request: limit } = this.#limits;
    const read = preparation(requestContent, this.#limits) as Handler;
    for (const [index, step] of this.steps.entries()) {
      if (!senders.passesOn(step)) continue;
      const send = step.handle as Handler;
      if (index <= this.#lastReading) {
        step.handle = (context) => {
          const pending = read(context);
          return pending === undefined ? send(context) : pending.then(() => send(context));
        };
      } else if (senders.sendsAgain(this.steps, index)) {
        step.handle = (context) => {
          context.request.keepBody(limit);
          return send(context);
        };
      }
    }
  }

  finish(sends: boolean): CompiledFlow {
    const { steps, closers } = this;
    const name = this.#flow;
    return {
      handle(context) {
        context.enterFlow(name);
        return run(steps, 0, context);
      },
      sends,
      limits: this.#limits,
      kept: this.#kept,
      async close() {
        const results = await Promise.allSettled(closers.map(async (close) => close()));
        const failed = results.find((result) => result.status === 'rejected');
        if (failed) throw failed.reason;
      },
    };
  }

  #addFilter(place: FilterPlace): void {
    const { path, when } = place;
    const test = when === undefined ? null : this.#addTest(when, path);
    const definition = this.#definitions.get(place.name);
    if (!definition) throw new Error(`${path}: no filter is called ${place.name}`);
    const use: Use = { needs: [], sending: noSending(), kept: { request: 0, response: 0 } };
    const filter = definition.create(
      place.parameters,
      recording({ ...this.#services, bodyLimits: this.#limits }, use, this.#nameOf(path)),
    );
    this.#keep(use.kept);
    if (typeof filter !== 'function') this.closers.push(() => filter.close());
    this.#addPreparation(combineNeeds(use.needs), path);
    const handle = typeof filter === 'function' ? filter : filter.handle.bind(filter);
    this.#add(path, handle).sending = use.sending;
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
    const step: Step = { path, test, handle, sending: null, next, otherwise: next };
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
  readonly sending: Sending;
  kept: BodyLimits;
}

/** The services of one filter, which note what it uses. */
function recording(
  services: FlowServices & Pick<FilterServices, 'bodyLimits'>,
  use: Use,
  place: string,
): FilterServices {
  const noted = <Value extends { readonly needs: Needs }>(value: Value): Value => {
    use.needs.push(value.needs);
    return value;
  };
  const { sending } = use;
  const sendsTo = (cluster: Cluster): Cluster => {
    sending.cluster = true;
    return cluster;
  };
  return {
    ...services,
    limit: (name, rules) => services.limit(`${place}.${name}`, rules),
    cluster: (name) => sendsTo(services.cluster(name)),
    ownCluster: (config) => sendsTo(services.ownCluster(config)),
    watchedCluster: (name) => services.cluster(name),
    flow(name) {
      sending.flows.push(name);
      return services.flow(name);
    },
    detour(name, goOn = false) {
      (goOn ? sending.flows : sending.lastFlows).push(name);
      return detour(services.flow(name), goOn);
    },
    flowByName(goOn) {
      if (goOn) sending.anyFlow = true;
      else sending.anyLastFlow = true;
      return (name) => (services.hasFlow(name) ? detour(services.flow(name), goOn) : undefined);
    },
    keepBodies: (request, response) => {
      use.kept = { request, response };
    },
    template: (text) => noted(compileTemplate(text)),
    field: (name) => noted(compileField(name)),
    writer: (name) => noted(compileWriter(name)),
  };
}

import type { FilterConfig, FlowConfig } from '../config/types.ts';
import type { RequestContext } from '../context/context.ts';
import { GatewayError, reasonOf } from '../errors.ts';
import type { FilterDefinition, FilterServices, Handler } from './filter.ts';

/** A condition, compiled. */
export type Test = (context: RequestContext) => boolean;

/**
 * One place in the flat array that a flow compiles to. When `test` fails the flow goes on at
 * `otherwise`, else `handle` runs and it goes on at `next`: `when` is a test with a handler,
 * `if` a test without one, and the last step of a `then` has its `next` behind the `else`.
 */
interface Step {
  readonly path: string;
  readonly test: Test | null;
  readonly handle: Handler | null;
  next: number;
  otherwise: number;
}

/** A flow ready to run. */
export interface CompiledFlow {
  readonly handle: Handler;
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
  services: FilterServices,
): CompiledFlow {
  const steps: Step[] = [];
  const closers: (() => void | Promise<void>)[] = [];
  for (const place of config.filter) addFilter(place);
  return {
    handle: (context) => run(steps, 0, context),
    async close() {
      const results = await Promise.allSettled(closers.map(async (close) => close()));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },
  };

  function addFilter(place: FilterConfig): void {
    const definition = definitions.get(place.name);
    if (!definition) throw new Error(`${place.path}: no filter is called ${place.name}`);
    const filter = definition.create(place.parameters, services);
    if (typeof filter !== 'function') closers.push(() => filter.close());
    const next = steps.length + 1;
    const handle: Handler =
      typeof filter === 'function' ? filter : (context) => filter.handle(context);
    steps.push({ path: place.path, test: null, handle, next, otherwise: next });
  }
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
function run(steps: readonly Step[], at: number, context: RequestContext): void | Promise<void> {
  let index = at;
  while (index < steps.length && !context.finished) {
    const step = steps[index] as Step;
    let pending: void | Promise<void>;
    try {
      if (step.test !== null && !step.test(context)) {
        index = step.otherwise;
        continue;
      }
      pending = step.handle?.(context);
    } catch (thrown) {
      throw asGatewayError(thrown, step);
    }
    if (pending !== undefined) return goOn(pending, steps, step, context);
    index = step.next;
  }
}

async function goOn(
  pending: Promise<void>,
  steps: readonly Step[],
  step: Step,
  context: RequestContext,
): Promise<void> {
  try {
    await pending;
  } catch (thrown) {
    throw asGatewayError(thrown, step);
  }
  await run(steps, step.next, context);
}

function asGatewayError(thrown: unknown, step: Step): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError('FILTER_FAILED', { filter: step.path, reason: reasonOf(thrown) }, thrown);
}

import { Completion, type CompletionListener } from '../http/completion.ts';
import type { RequestContext } from '../http/context.ts';
import { GatewayError, reasonOf } from '../errors.ts';
import type { Test } from './conditions/condition.ts';
import type { Handler } from './filter.ts';

/** Where a filter may send a request; noted when it is made. */
export interface Sending {
  /** Whether it has a cluster of its own to send to. */
  cluster: boolean;
  /** Flows that it runs, after which the request goes on to the next filter. */
  readonly flows: string[];
  /** Flows that it runs in place of the rest. */
  readonly lastFlows: string[];
  /** Whether it also runs flows that are named by requests, and goes on afterwards. */
  anyFlow: boolean;
  /** The same, in place of the rest. */
  anyLastFlow: boolean;
}

/**
 * One place in the flat array that a flow compiles to. When `test` fails the flow goes on at
 * `otherwise`, else `handle` runs and it goes on at `next`. So `when` and `if` are jumps, and so is
 * the end of a `then`, over its `else`.
 */
export interface Step {
  readonly path: string;
  readonly test: Test | null;
  handle: Handler | null;
  /** Where it may send the request; null for nowhere. */
  sending: Sending | null;
  next: number;
  otherwise: number;
}

/** Several handlers run one after the other as one. */
export function inSequence(handlers: readonly Handler[]): Handler {
  if (handlers.length === 1) return handlers[0] as Handler;
  const steps = handlers.map((handle, i): Step => {
    return { path: '', test: null, handle, sending: null, next: i + 1, otherwise: i + 1 };
  });
  return (context) => run(steps, 0, context);
}

/** A handler that runs another flow; unless it `continues`, the request is finished then. */
export function detour(flow: Handler, continues: boolean): Handler {
  if (continues) return flow;
  return function runInstead(context) {
    const pending = flow(context);
    if (pending === undefined) return context.finish();
    return pending.then(() => context.finish());
  };
}

/** Runs from step `at` until the end, or until a step needs time: then the rest is asynchronous. */
export function run(
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

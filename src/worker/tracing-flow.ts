import { RequestContext } from '../http/context.ts';
import { reasonOf } from '../errors.ts';
import type { CompiledFlow } from '../flow/compiler.ts';
import type { Log } from '../log.ts';

/** How long a draining worker waits for tracing flows. */
const idleTimeoutMs = 5000;
/** One failure in so many is logged. */
const failuresPerLogLine = 1000;

/**
 * Runs a flow for each request after its response, in a context of its own that shares request and
 * response. Whatever it does, however long it takes, the client does not notice.
 */
export class TracingFlow {
  readonly #name: string;
  readonly #flow: CompiledFlow;
  readonly #log: Log;
  readonly #running = new Set<Promise<void>>();
  #failures = 0;

  constructor(name: string, flow: CompiledFlow, log: Log) {
    this.#name = name;
    this.#flow = flow;
    this.#log = log;
  }

  /** Called when the request has arrived. */
  follow(context: RequestContext): void {
    const { request, response } = this.#flow.kept;
    context.onEnd(() => this.#begin(context), request, response);
  }

  /** Settles when no flow runs any more, or after a while. */
  async idle(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, idleTimeoutMs);
    void (async () => {
      while (this.#running.size > 0) await Promise.all(this.#running);
      resolve();
    })();
    await promise;
    clearTimeout(timer);
  }

  #begin(context: RequestContext): void {
    const run = this.#run(context);
    this.#running.add(run);
    void run.then(() => this.#running.delete(run));
  }

  async #run(context: RequestContext): Promise<void> {
    const { id, entry, client, request, response, startedAt } = context;
    const own = new RequestContext(id, entry, client, request, response, startedAt);
    own.endedAt = context.endedAt;
    own.pathVariables = context.pathVariables;
    own.variables = context.variables;
    own.forward = context.forward;
    own.flows = context.flows;
    // Requests that are pending on the same connection go first.
    await nextRound();
    try {
      await this.#flow.handle(own);
    } catch (error) {
      if (this.#failures++ % failuresPerLogLine > 0) return;
      const bindings = { flow: this.#name, failures: this.#failures, reason: reasonOf(error) };
      this.#log.warn(bindings, 'a tracing flow failed');
    }
  }
}

function nextRound(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

import { RequestContext } from '../http/context.ts';
import { reasonOf } from '../errors.ts';
import type { CompiledFlow } from '../flow/compiler.ts';
import type { Log } from '../log.ts';

/** How long a draining worker waits for tracing flows, ms. */
const patience = 5000;

/**
 * Runs a flow for each request when its response is out, in a context of its own that shares request
 * and response: what it does, how long it takes and how it fails is nothing to the client.
 */
export class Tracer {
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

  /** To be called when the request has come. */
  follow(context: RequestContext): void {
    const { request, response } = this.#flow.kept;
    context.onEnd(() => this.#begin(context), request, response);
  }

  /** Settles when nothing runs any more, or after a while. */
  async idle(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patience);
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
    // Requests that wait on the same connection go first.
    await nextRound();
    try {
      await this.#flow.handle(own);
    } catch (error) {
      if (this.#failures++ % 1000 > 0) return;
      const told = { flow: this.#name, failures: this.#failures, reason: reasonOf(error) };
      this.#log.warn(told, 'a tracing flow failed');
    }
  }
}

function nextRound(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

import type { RouterConfig } from '../config/types.ts';
import { clientAccess, type NetworkTest } from '../context/networks.ts';
import { type CompiledFlow, flowsInSequence } from '../flow/compiler.ts';
import type { Handler } from '../flow/filter.ts';
import type { RequestContext } from '../http/context.ts';
import type { Log } from '../log.ts';
import { Router } from '../router/router.ts';
import { TracingFlow } from './tracing-flow.ts';

/** The steps before the flow of a request, as a router configures them: access, tracing, routing. */
export class EntryPipeline {
  /** Whether a client of this address may connect; null when every client may. */
  readonly admits: NetworkTest | null;
  readonly #router: Router<Handler>;
  readonly #tracing: TracingFlow | null;

  constructor(config: RouterConfig, flows: ReadonlyMap<string, CompiledFlow>, log: Log) {
    const { tracing_flow: tracing, ip_access_control: access } = config;
    this.admits = access && clientAccess(access);
    this.#tracing =
      tracing === null ? null : new TracingFlow(tracing, lookUp(flows, 'flow', tracing), log);
    this.#router = new Router<Handler>(config, (names) =>
      flowsInSequence(names.map((name) => lookUp(flows, 'flow', name))),
    );
  }

  /** The flow of a request. @throws ROUTE_NOT_FOUND */
  readonly route = (context: RequestContext): Handler => {
    this.#tracing?.follow(context);
    return this.#router.find(context);
  };

  /** Settles when no tracing flow runs, or after a while. */
  async idle(): Promise<void> {
    await this.#tracing?.idle();
  }
}

/** @throws an error that names the missing part */
export function lookUp<Value>(
  all: { get(name: string): Value | undefined },
  kind: string,
  name: string,
): Value {
  const value = all.get(name);
  if (value === undefined) throw new Error(`there is no ${kind} called ${name}`);
  return value;
}

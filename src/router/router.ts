import type { RouterConfig } from '../config/types.ts';
import type { RequestContext } from '../http/context.ts';
import { GatewayError } from '../errors.ts';
import { pathToMatch } from './path.ts';
import { parsePatterns } from './pattern.ts';
import { PathTree } from './path-tree.ts';

interface Route<Flow> {
  readonly flow: Flow;
  readonly variables: readonly string[];
}

/**
 * The rules of an entry: they select the flow for a request. Rules with the request's method take
 * precedence over those for any method; of two rules for the same requests the first one applies.
 */
export class Router<Flow> {
  readonly #byMethod = new Map<string, PathTree<Route<Flow>>>();
  readonly #anyMethod: PathTree<Route<Flow>> | null;
  readonly #default: Flow | null;
  /** The last request's flow, unless its path had variables: many requests repeat the last one. */
  #last: { readonly method: string; readonly target: string; readonly flow: Flow } | null = null;

  /**
   * `resolve` combines several flows into one that runs them in sequence.
   * @throws SyntaxError for an invalid pattern
   */
  constructor(config: RouterConfig, resolve: (flows: readonly string[]) => Flow) {
    for (const rule of config.rules) {
      const flow = resolve(rule.flow);
      for (const text of rule.pattern) {
        for (const { segments, variables } of parsePatterns(text)) {
          for (const method of rule.method) this.#tree(method).add(segments, { flow, variables });
        }
      }
    }
    this.#anyMethod = this.#byMethod.get('*') ?? null;
    this.#default = config.default_flow === null ? null : resolve([config.default_flow]);
  }

  /**
   * The flow for this request; sets `context.pathVariables`.
   * @throws ROUTE_NOT_FOUND, REQUEST_MALFORMED
   */
  find(context: RequestContext): Flow {
    const { method, target } = context.request;
    const last = this.#last;
    if (last !== null && last.target === target && last.method === method) return last.flow;
    const flow = this.#find(context);
    if (context.pathVariables === null) this.#last = { method, target, flow };
    return flow;
  }

  #find(context: RequestContext): Flow {
    const { request } = context;
    const path = pathToMatch(request.target);
    let tree = this.#byMethod.get(request.method) ?? this.#anyMethod;
    let route = tree?.find(path);
    if (route === undefined && tree !== this.#anyMethod) {
      tree = this.#anyMethod;
      route = tree?.find(path);
    }
    if (!tree || !route) {
      if (this.#default === null) throw new GatewayError('ROUTE_NOT_FOUND');
      return this.#default;
    }
    if (route.variables.length > 0) {
      context.pathVariables = named(route.variables, tree.variables);
    }
    return route.flow;
  }

  #tree(method: string): PathTree<Route<Flow>> {
    let tree = this.#byMethod.get(method);
    if (!tree) this.#byMethod.set(method, (tree = new PathTree()));
    return tree;
  }
}

function named(names: readonly string[], values: readonly string[]): Record<string, string> {
  const variables = Object.create(null) as Record<string, string>;
  for (let i = 0; i < names.length; i++) variables[names[i] as string] = values[i] ?? '';
  return variables;
}

import { didYouMean } from '../../suggest.ts';
import type { ConditionProblem } from '../../dialect.ts';
import type { RequestContext } from '../../http/context.ts';
import { compileField } from '../../context/fields/compile.ts';
import type { Field } from '../../context/fields/rule.ts';
import type { Needs } from '../../context/requirements.ts';
import { GatewayError } from '../../errors.ts';

/** A condition at work. */
export type Test = (context: RequestContext) => boolean;

/** What a condition may ask about beside the request. */
export interface ConditionServices {
  /** Tells whether the cluster of that name can take requests; undefined when there is none. */
  clusterAvailability(name: string): (() => boolean) | undefined;
}

export type Path = readonly (string | number)[];

/** Compiles what stands below an operator's name, at `path`. */
export type Operator = (value: unknown, path: Path, compilation: Compilation) => Test;

const unsupported = ['queue_has_lag', 'consumer_has_lag'];
const example = '"equals: { _ctx.request.method: GET }"';

/** One condition being compiled: collects what is wrong with it, and what it needs. */
export class Compilation {
  readonly problems: ConditionProblem[] = [];
  readonly needs: Needs[] = [];
  readonly services: ConditionServices;
  readonly #operators: Readonly<Record<string, Operator>>;

  constructor(operators: Readonly<Record<string, Operator>>, services: ConditionServices) {
    this.#operators = operators;
    this.services = services;
  }

  /** Compiles `{ operator: … }`. After a problem the test is of no use. */
  condition(value: unknown, path: Path): Test {
    const [name, ...others] = isMap(value) ? Object.keys(value) : [];
    if (!isMap(value) || name === undefined) {
      return this.fail(path, `expected a condition, like ${example}`);
    }
    if (others.length > 0) {
      const names = [name, ...others].map((one) => `"${one}"`).join(', ');
      const message = `expected one operator, got ${names}; join conditions with "and" or "or"`;
      return this.#failAtKey([...path, others[0] as string], message);
    }
    const at = [...path, name];
    if (unsupported.includes(name)) return this.#failAtKey(at, `"${name}" is not supported yet`);
    const compile = Object.hasOwn(this.#operators, name) ? this.#operators[name] : undefined;
    if (compile) return compile(value[name], at, this);
    const known = Object.keys(this.#operators);
    const hint = didYouMean(name, known) || `; known are ${known.join(', ')}`;
    return this.#failAtKey(at, `unknown operator "${name}"${hint}`);
  }

  /** The field of that name, or undefined after a problem. */
  field(name: string, path: Path): Field | undefined {
    const field = this.attempt(path, () => compileField(name), true);
    if (field) this.needs.push(field.needs);
    return field;
  }

  /** What `compile` gives, or undefined when it says that a parameter is invalid. */
  attempt<Value>(path: Path, compile: () => Value, atKey = false): Value | undefined {
    try {
      return compile();
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'PARAMETER_INVALID') throw error;
      this.problems.push({ path, message: error.message, atKey });
      return undefined;
    }
  }

  fail(path: Path, message: string): Test {
    this.problems.push({ path, message, atKey: false });
    return never;
  }

  #failAtKey(path: Path, message: string): Test {
    this.problems.push({ path, message, atKey: true });
    return never;
  }
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function never(): boolean {
  return false;
}

import type { ConditionProblem } from '../../dialect.ts';
import { combineNeeds, type Needs } from '../../context/requirements.ts';
import { GatewayError } from '../../errors.ts';
import { Compilation, type ConditionServices, type Test } from './compile.ts';
import { operators } from './operators.ts';

export type { ConditionServices, Test };

export interface Condition {
  readonly test: Test;
  /** What must be in memory before `test`. */
  readonly needs: Needs;
}

/** Compiles a condition that has been checked. @throws PARAMETER_INVALID with its first problem */
export function compileCondition(value: unknown, services: ConditionServices): Condition {
  const compilation = new Compilation(operators, services);
  const test = compilation.condition(value, []);
  const [problem] = compilation.problems;
  if (!problem) return { test, needs: combineNeeds(compilation.needs) };
  const reason = `condition ${problem.path.join('.')}: ${problem.message}`;
  throw new GatewayError('PARAMETER_INVALID', { reason });
}

/** Everything that is wrong with a condition; `clusters` are the names of those that exist. */
export function checkCondition(
  value: unknown,
  clusters: Iterable<string> = [],
): readonly ConditionProblem[] {
  const known = new Set(clusters);
  const compilation = new Compilation(operators, {
    clusterAvailability: (name) => (known.has(name) ? () => true : undefined),
  });
  compilation.condition(value, []);
  return compilation.problems;
}

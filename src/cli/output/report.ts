import { ConfigError, countOf, type Problem, renderProblem } from '../../config/problem.ts';
import { GatewayError, reasonOf } from '../../errors.ts';

/** Errors, each with its position first, as editors expect it, then warnings. */
export function renderReport(errors: readonly Problem[], warnings: readonly Problem[]): string[] {
  return [
    ...errors.map(renderProblem),
    ...warnings.map((problem) => `warning: ${renderProblem(problem)}`),
  ];
}

/** `2 errors, 1 warning`. */
export function renderCounts(errors: number, warnings: number): string {
  const counts = [countOf(errors, 'error')];
  if (warnings > 0) counts.push(countOf(warnings, 'warning'));
  return counts.join(', ');
}

/** Prints the error that ended the command to standard error. @returns the exit code */
export function reportFailure(thrown: unknown): number {
  if (thrown instanceof ConfigError) {
    const { problems, warnings } = thrown;
    for (const line of renderReport(problems, warnings)) console.error(line);
    console.error(`evergate: ${renderCounts(problems.length, warnings.length)}`);
    return thrown.exitCode;
  }
  console.error(`evergate: ${reasonOf(thrown)}`);
  if (thrown instanceof GatewayError) return thrown.exitCode;
  if (thrown instanceof Error && process.env['EVERGATE_TRACE']) console.error(thrown.stack);
  return 1;
}

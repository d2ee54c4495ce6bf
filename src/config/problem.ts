import { GatewayError } from '../errors.ts';

/** A position in a configuration file. */
export interface Place {
  /** As the user named it, or as it was found below a folder that the user named. */
  readonly file: string;
  /** From 1; 0 when the problem is the file as a whole. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** Another place that a problem is about. */
export interface RelatedPlace extends Place {
  readonly message: string;
}

/** One thing that is wrong, or a warning, with its place. */
export interface Problem extends Place {
  /** `entry[0].network.binding`; empty for the file as a whole. */
  readonly path: string;
  /** The error and the expected value. */
  readonly message: string;
  readonly related?: readonly RelatedPlace[];
}

/** Keys and list indexes from the root of the configuration. */
export type Path = readonly (string | number)[];

/** Files and folders to watch for changes of the configuration; absolute paths. */
export interface WatchTargets {
  /** Files that were read, or that should have been there. */
  readonly files: readonly string[];
  /** Folders that were listed, or that should have been there. */
  readonly folders: readonly string[];
}

/** A configuration that cannot be used, with all its errors. */
export class ConfigError extends GatewayError {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly watch: WatchTargets;

  constructor(problems: readonly Problem[], warnings: readonly Problem[], watch: WatchTargets) {
    super('CONFIG_INVALID', { count: countOf(problems.length, 'error') });
    this.problems = problems;
    this.warnings = warnings;
    this.watch = watch;
  }
}

/** Collects problems while a configuration is read. */
export class ProblemList {
  readonly errors: Problem[] = [];
  readonly warnings: Problem[] = [];

  error(place: Place, path: Path, message: string, others?: readonly RelatedPlace[]): void {
    this.errors.push(problemAt(place, path, message, others));
  }

  warning(place: Place, path: Path, message: string, others?: readonly RelatedPlace[]): void {
    this.warnings.push(problemAt(place, path, message, others));
  }
}

function problemAt(
  { file, line, column }: Place,
  path: Path,
  message: string,
  others?: readonly RelatedPlace[],
): Problem {
  const problem = { file, line, column, path: renderPath(path), message };
  return others && others.length > 0 ? { ...problem, related: others } : problem;
}

/** A place with a remark, to stand beside a problem. */
export function related({ file, line, column }: Place, message: string): RelatedPlace {
  return { file, line, column, message };
}

/** `entry[0].network.binding`. */
export function renderPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** `file:line:column`, or the file alone. */
export function renderPlace({ file, line, column }: Place): string {
  return line > 0 ? `${file}:${line}:${column}` : file;
}

/** `file:line:column: path: message`, and below it, indented, the other places it is about. */
export function renderProblem(problem: Problem): string {
  const path = problem.path === '' ? '' : `${problem.path}: `;
  const lines = [`${renderPlace(problem)}: ${path}${problem.message}`];
  for (const other of problem.related ?? []) {
    lines.push(`    ${renderPlace(other)}: ${other.message}`);
  }
  return lines.join('\n');
}

/** `1 error`, `2 errors`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

import type { JsonSchema, TextSyntax } from './config/schema/json-schema.ts';

/** What the configuration needs to know of a kind of filter. */
export interface FilterDefinitionLike {
  readonly name: string;
  /** One sentence for `evergate explain`. */
  readonly summary: string;
  readonly schema: JsonSchema;
  /** What the schema cannot express, with paths below the parameters. */
  check?(parameters: never): FilterProblem[];
}

/** Something wrong, or worth a warning, with the parameters of a filter. */
export interface FilterProblem {
  /** From the parameters. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** Whether the gateway can run nevertheless. */
  readonly warning?: boolean;
}

/** The parts of the configuration language that other folders define. */
export interface Dialect {
  /** The built-in filters; plugins add theirs. */
  readonly filters: readonly FilterDefinitionLike[];
  readonly syntax: SyntaxChecks;
}

export type FilterTable = ReadonlyMap<string, FilterDefinitionLike>;

export function filterTable(filters: readonly FilterDefinitionLike[]): FilterTable {
  return new Map(filters.map((filter) => [filter.name, filter]));
}

/** Checks that are given from outside, since what they know is not the configuration's business. */
export interface SyntaxChecks {
  /** What is wrong with the text, or undefined. */
  readonly text: (syntax: TextSyntax, text: string) => string | undefined;
  /** The same for patterns that take the same paths, one for each kind of path; none if it is wrong. */
  readonly patternShapes: (pattern: string) => readonly string[];
  /** What is wrong with a condition; `clusters` are the names of those that exist. */
  readonly condition: (
    condition: unknown,
    clusters: Iterable<string>,
  ) => readonly ConditionProblem[];
}

/** Something wrong with a condition. */
export interface ConditionProblem {
  /** From the condition. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** Whether it is about the key at `path`, not about its value. */
  readonly atKey: boolean;
}

/** For configurations without conditions. */
export const noSyntax: SyntaxChecks = {
  text: () => undefined,
  patternShapes: () => [],
  condition: () => [{ path: [], message: 'conditions cannot be checked here', atKey: true }],
};

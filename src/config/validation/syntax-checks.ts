/** What a text must be made of, beyond being a text. */
export type TextSyntax =
  /** Text that may hold `$[[_ctx.request.path]]` and the like. */
  | 'template'
  /** Name of a context field or variable. */
  | 'field'
  /** Name of a context field or variable that can be set. */
  | 'settable-field'
  /** `name -> value`, where the value may hold templates. */
  | 'assignment'
  /** Regular expression of RE2. */
  | 'expression'
  /** IP address, CIDR block, or a name such as `private`. */
  | 'network'
  /** Pattern of paths, such as `/{index}/_search`. */
  | 'pattern';

/** Checks that are given from outside, since what they know is not the configuration's business. */
export interface SyntaxChecks {
  /** What is wrong with the text, or undefined. */
  readonly text: (syntax: TextSyntax, text: string) => string | undefined;
  /** The same for patterns that take the same paths; undefined for one that is wrong. */
  readonly patternShape: (pattern: string) => string | undefined;
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
  patternShape: () => undefined,
  condition: () => [{ path: [], message: 'conditions cannot be checked here', atKey: true }],
};

import { compileReplacement, type Expression, type Replacement } from '../../context/expression.ts';

/** A part of what is put in place of a match. */
export interface ReplacementPart {
  readonly text: string;
  /** Whether it may name groups of the expression; else it stands for itself. */
  readonly isTemplate: boolean;
}

/** What those parts come to, for each match. */
export function replacementOf(
  parts: readonly ReplacementPart[],
  expression: Expression,
): Replacement {
  const compiled = parts.map(({ text, isTemplate }) =>
    isTemplate ? compileReplacement(text, expression) : () => text,
  );
  return (group) => {
    let result = '';
    for (const part of compiled) result += part(group);
    return result;
  };
}

import type { JsonSchema } from '../../config/schema/json-schema.ts';
import type { RequestContext } from '../../http/context.ts';
import { compileReplacement, Expression } from '../../context/expression.ts';
import { textOf } from '../../context/value.ts';
import type { FilterServices } from '../../flow/filter.ts';

/** What to look for in a text, and what to put there. */
export interface ReplacementParameters {
  readonly pattern: string;
  readonly to: string;
}

export const replacementProperties: Readonly<Record<string, JsonSchema>> = {
  pattern: {
    type: 'string',
    syntax: 'expression',
    description: 'Regular expression for what is replaced, everywhere in the text.',
    examples: ['"size": \\d+'],
  },
  to: {
    type: 'string',
    syntax: 'template',
    description:
      'What is put there; ${1} and ${name} stand for groups of the expression, $$ for a dollar sign.',
    examples: ['"size": 100'],
  },
};

/** Compiles the replacement of every match in a text. */
export function compileTextReplacement(
  { pattern, to }: ReplacementParameters,
  { template }: FilterServices,
): (text: string, context: RequestContext) => string {
  const expression = new Expression(pattern);
  const parts = template(to).parts.map((part) =>
    typeof part === 'string' ? compileReplacement(part, expression) : part,
  );
  return (text, context) =>
    expression.replace(text, (group) => {
      let result = '';
      for (const part of parts) {
        result += typeof part === 'function' ? part(group) : textOf(part.read(context));
      }
      return result;
    });
}

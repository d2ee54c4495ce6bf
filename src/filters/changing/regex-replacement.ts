import type { JsonSchema } from '../../config/schema/json-schema.ts';
import type { RequestContext } from '../../http/context.ts';
import { compileReplacement, Expression } from '../../context/expression.ts';
import { textOf } from '../../context/value.ts';
import type { FilterServices } from '../../flow/filter.ts';
import { ThreadPool } from '../../runtime/threads/thread-pool.ts';
import { answerOf } from '../abortable.ts';
import type { ReplacementQuestion } from './replacement-thread.ts';

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

/** Longer texts are looked through in a thread, characters. */
const longestHere = 64 << 10;
/** How long that may take, ms. */
const timeoutMs = 30_000;

const threads = new ThreadPool<ReplacementQuestion, string>('filters/changing/replacement-thread', {
  maxWaiting: 32,
  maxWaitingOfClient: 4,
  timeoutMs,
});

/** Compiles the replacement of every match in a text; of a long one there is a promise. */
export function compileTextReplacement(
  { pattern, to }: ReplacementParameters,
  { template }: FilterServices,
): (text: string, context: RequestContext) => string | Promise<string> {
  const expression = new Expression(pattern);
  const parts = template(to).parts.map((part) => ({
    part,
    replacement: typeof part === 'string' ? compileReplacement(part, expression) : null,
  }));
  return (text, context) => {
    if (text.length > longestHere) {
      const texts = parts.map(({ part }) =>
        typeof part === 'string'
          ? { text: part, isTemplate: true }
          : { text: textOf(part.read(context)), isTemplate: false },
      );
      const { remoteAddress } = context.client;
      return answerOf(threads.ask({ pattern, parts: texts, text }, remoteAddress), context);
    }
    return expression.replace(text, (group) => {
      let result = '';
      for (const { part, replacement } of parts) {
        if (replacement !== null) result += replacement(group);
        else if (typeof part !== 'string') result += textOf(part.read(context));
      }
      return result;
    });
  };
}

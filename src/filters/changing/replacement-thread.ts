/** Runs in a thread of its own: a regular expression takes long in a long text. */
import { Expression } from '../../context/expression.ts';
import { answerQuestions } from '../../runtime/threads/thread-answers.ts';
import { replacementOf, type ReplacementPart } from './replacement-parts.ts';

export interface ReplacementQuestion {
  readonly pattern: string;
  readonly parts: readonly ReplacementPart[];
  readonly text: string;
}

answerQuestions(({ pattern, parts, text }: ReplacementQuestion): string => {
  const expression = new Expression(pattern, Infinity);
  return expression.replace(text, replacementOf(parts, expression));
});

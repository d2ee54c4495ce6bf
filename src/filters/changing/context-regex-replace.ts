import { numberOf, textOf } from '../../context/value.ts';
import type { RequestContext } from '../../http/context.ts';
import { defineFilter } from '../../flow/filter.ts';
import {
  compileTextReplacement,
  type ReplacementParameters,
  replacementProperties,
} from './regex-replacement.ts';

interface ContextRegexReplaceParameters extends ReplacementParameters {
  readonly context: string;
}

export default defineFilter<ContextRegexReplaceParameters>({
  name: 'context_regex_replace',
  summary: 'Changes a context value by a regular expression.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['context', 'pattern', 'to'],
    properties: {
      context: {
        type: 'string',
        syntax: 'settable-field',
        description: 'The value to change; a request that lacks it, or has it empty, just goes on.',
        examples: ['_ctx.request.path'],
      },
      ...replacementProperties,
    },
  },
  create(parameters, services) {
    const { read } = services.field(parameters.context);
    const { set } = services.writer(parameters.context);
    const isBody = /^_ctx\.(?:request|response)\.body$/.test(parameters.context);
    const replace = compileTextReplacement(parameters, services);

    return function contextRegexReplace(context) {
      const value = read(context);
      const text = textOf(value);
      // Bytes that are no text would not come back.
      if (text === '' || (isBody && text.includes('\ufffd'))) return;
      const replaced = replace(text, context);
      if (typeof replaced !== 'string') return replaced.then((late) => put(context, value, late));
      if (replaced === text) return;
      return put(context, value, replaced);
    };

    function put(context: RequestContext, value: unknown, replaced: string): void {
      // A number in a JSON body stays one.
      const isNumber = typeof value === 'number' && !Number.isNaN(numberOf(replaced));
      set(context, isNumber ? numberOf(replaced) : replaced);
    }
  },
});

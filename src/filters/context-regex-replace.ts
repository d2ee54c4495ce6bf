import { textOf } from '../context/value.ts';
import { defineFilter } from '../flow/filter.ts';
import {
  compileTextReplacement,
  type ReplacementParameters,
  replacementProperties,
} from '../flow/regex-replacement.ts';

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
        description: 'The value to change.',
        examples: ['_ctx.request.path'],
      },
      ...replacementProperties,
    },
  },
  create(parameters, services) {
    const { read } = services.field(parameters.context);
    const { set } = services.writer(parameters.context);
    const replace = compileTextReplacement(parameters, services);

    return function contextRegexReplace(context) {
      const value = read(context);
      if (value === undefined || value === null) return;
      const text = textOf(value);
      const replaced = replace(text, context);
      if (replaced !== text) set(context, replaced);
    };
  },
});

import { defineFilter } from '../../flow/filter.ts';
import {
  compileTextReplacement,
  type ReplacementParameters,
  replacementProperties,
} from './regex-replacement.ts';

export default defineFilter<ReplacementParameters>({
  name: 'response_body_regex_replace',
  summary: "Changes the response's body by a regular expression.",
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['pattern', 'to'],
    properties: replacementProperties,
  },
  create(parameters, services) {
    const { read } = services.field('_ctx.response.body');
    const replace = compileTextReplacement(parameters, services);

    return function responseBodyRegexReplace(context) {
      const text = read(context) as string;
      const replaced = replace(text, context);
      if (replaced !== text) context.response.setBody(Buffer.from(replaced));
    };
  },
});

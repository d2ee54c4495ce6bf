import { Expression } from '../../context/expression.ts';
import { textOf } from '../../context/value.ts';
import { defineFilter } from '../../flow/filter.ts';

interface ContextParseParameters {
  readonly context: string;
  readonly pattern: string;
  readonly skip_error: boolean;
  readonly group?: string;
}

export default defineFilter<ContextParseParameters>({
  name: 'context_parse',
  summary: 'Takes parts of a context value out as variables.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['context', 'pattern'],
    properties: {
      context: {
        type: 'string',
        syntax: 'field',
        description: 'The value to look at.',
        examples: ['_ctx.request.path'],
      },
      pattern: {
        type: 'string',
        syntax: 'expression',
        description:
          'Regular expression; each of its named groups becomes a variable; without one the filter does nothing.',
        examples: ['^/logs-(?P<year>\\d{4})\\.(?P<month>\\d{2})'],
      },
      skip_error: {
        type: 'boolean',
        default: false,
        description: 'Whether a request that lacks the value goes on; else it is an error.',
      },
      group: {
        type: 'string',
        syntax: 'settable-field',
        description: 'Name that the variables stand below; without it they stand alone.',
        examples: ['parsed_index'],
      },
    },
  },
  create({ context: name, pattern, skip_error, group }, { field, writer }) {
    const { read, alike } = field(name);
    const expression = new Expression(pattern);
    const prefix = group === undefined ? '' : `${group}.`;
    const variables = expression.groupNames.map((variable) => {
      return { variable, set: writer(prefix + variable).set };
    });

    return function contextParse(context) {
      const value = read(context);
      if (value === undefined || value === null) {
        if (skip_error) return;
        throw new Error(`the request has no ${name}`);
      }
      let groups = expression.groups(textOf(value));
      if (groups === undefined && alike !== null) {
        const other = alike(context);
        if (other !== undefined) groups = expression.groups(other);
      }
      if (groups === undefined) return;
      for (const { variable, set } of variables) set(context, groups[variable]);
    };
  },
});

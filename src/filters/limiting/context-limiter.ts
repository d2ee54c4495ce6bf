import { textOf } from '../../context/value.ts';
import { defineLimiterFilter } from './limiter.ts';

interface ContextLimiterParameters {
  readonly context: readonly string[];
}

export default defineLimiterFilter<ContextLimiterParameters>({
  name: 'context_limiter',
  summary: 'Limits how much passes for each combination of values of the context.',
  required: ['context'],
  properties: {
    context: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', syntax: 'field' },
      description: 'The values. Requests for which all of them are the same count together.',
      examples: [['_ctx.request.path', '_ctx.request.header.Host']],
    },
  },
  compile({ context: names }, services) {
    const fields = names.map((name) => services.field(name));
    return (context) => {
      let key = '';
      for (const { read, alike } of fields) {
        const text = alike?.(context) ?? textOf(read(context));
        // The length keeps `a`, `bc` and `ab`, `c` apart.
        key += `${text.length}:${text}`;
      }
      return key;
    };
  },
});

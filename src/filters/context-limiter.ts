import { textOf } from '../context/value.ts';
import { defineFilter } from '../flow/filter.ts';
import {
  type Allowance,
  allowanceProperties,
  checkAllowance,
  checkInterval,
  compileLimiter,
  type LimiterParameters,
  limiterProperties,
  openAllowance,
} from '../flow/limiting.ts';

interface ContextLimiterParameters extends LimiterParameters, Allowance {
  readonly context: readonly string[];
}

export default defineFilter<ContextLimiterParameters>({
  name: 'context_limiter',
  summary: 'Limits how much passes for each combination of values of the context.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['context'],
    properties: {
      context: {
        type: 'array',
        minItems: 1,
        items: { type: 'string', syntax: 'field' },
        description: 'The values. Requests for which all of them are the same count together.',
        examples: [['_ctx.request.path', '_ctx.request.header.Host']],
      },
      ...allowanceProperties,
      ...limiterProperties,
    },
  },
  check: (parameters) => [...checkAllowance(parameters), ...checkInterval(parameters)],
  create(parameters, services) {
    const fields = parameters.context.map((name) => services.field(name));
    const allowing = openAllowance(parameters, parameters.interval, services);
    const limit = compileLimiter(parameters, services);

    return function contextLimiter(context) {
      let key = '';
      for (const { read } of fields) {
        const text = textOf(read(context) ?? '');
        // The length keeps `a`, `bc` and `ab`, `c` apart.
        key += `${text.length}:${text}`;
      }
      return limit(context, key, allowing);
    };
  },
});

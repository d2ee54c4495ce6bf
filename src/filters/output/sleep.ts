import type { RequestContext } from '../../http/context.ts';
import { defineFilter } from '../../flow/filter.ts';
import { pause } from '../abortable.ts';

interface SleepParameters {
  readonly sleep_in_million_seconds: number;
}

export default defineFilter<SleepParameters>({
  name: 'sleep',
  summary: 'Lets each request wait.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['sleep_in_million_seconds'],
    properties: {
      sleep_in_million_seconds: {
        type: 'integer',
        minimum: 0,
        maximum: 2_147_483_647,
        description: 'Milliseconds to wait.',
        examples: [1024],
      },
    },
  },
  create: ({ sleep_in_million_seconds: delay }) =>
    function sleep(context: RequestContext) {
      return pause(context, delay);
    },
});

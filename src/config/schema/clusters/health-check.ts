import type { JsonSchema } from '../json-schema.ts';

/** Health checks of nodes, on by default. */
export const healthCheck: JsonSchema = {
  type: 'object',
  description:
    'Health checks: periodic requests to every node, once for all workers. A node that does not ' +
    'respond as expected gets no requests until it does. A node that accepts no connection is ' +
    'down at once.',
  additionalProperties: false,
  default: {},
  properties: {
    enabled: { type: 'boolean', description: 'Enables health checks.', default: true },
    interval: {
      type: ['string', 'number'],
      duration: true,
      description: 'Time between two checks.',
      default: '10s',
      examples: ['5s'],
    },
    timeout: {
      type: ['string', 'number'],
      duration: true,
      description: 'Maximum time for a response.',
      default: '5s',
      examples: ['2s'],
    },
    path: {
      type: 'string',
      pattern: '^/[!-~]*$',
      description: 'Path of the request, which is a GET.',
      default: '/',
      examples: ['/_cluster/health?local=true'],
    },
    expected_status: {
      type: 'array',
      minItems: 1,
      items: { type: ['integer', 'string'], pattern: '^[1-5]([0-9][0-9]|xx)$' },
      description:
        'Statuses, or classes of statuses, of a healthy node. Default: 2xx and 3xx, and for ' +
        'Elasticsearch also 401, 403 and 429, because such a node works, though it needs a ' +
        'password or is busy.',
      examples: [['2xx', 404]],
    },
    rise: {
      type: 'integer',
      minimum: 1,
      description: 'Consecutive successes after which a node that is down is used again.',
      default: 1,
      examples: [2],
    },
    fall: {
      type: 'integer',
      minimum: 1,
      description: 'Consecutive failures after which a node is down, if it accepts connections.',
      default: 2,
      examples: [3],
    },
  },
};

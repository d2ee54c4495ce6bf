import type { JsonSchema } from '../json-schema.ts';

/** Checks of nodes, on unless said otherwise. */
export const healthCheck: JsonSchema = {
  type: 'object',
  description:
    'Asking every node from time to time whether it is there, once for all workers. A node that ' +
    'does not answer as expected gets no requests until it does. One that takes no connection is ' +
    'down at once.',
  additionalProperties: false,
  default: {},
  properties: {
    enabled: { type: 'boolean', description: 'Whether nodes are asked.', default: true },
    interval: {
      type: ['string', 'number'],
      duration: true,
      description: 'How long to wait in between.',
      default: '10s',
      examples: ['5s'],
    },
    timeout: {
      type: ['string', 'number'],
      duration: true,
      description: 'How long an answer may take.',
      default: '5s',
      examples: ['2s'],
    },
    path: {
      type: 'string',
      pattern: '^/[!-~]*$',
      description: 'What is asked for, by GET.',
      default: '/',
      examples: ['/_cluster/health?local=true'],
    },
    expected_status: {
      type: 'array',
      minItems: 1,
      items: { type: ['integer', 'string'], pattern: '^[1-5]([0-9][0-9]|xx)$' },
      description:
        'Statuses that mean that the node is well, or classes of them. When absent these are 2xx ' +
        'and 3xx, and for Elasticsearch also 401, 403 and 429: such a node is there, though it ' +
        'wants a password or is busy.',
      examples: [['2xx', 404]],
    },
    rise: {
      type: 'integer',
      minimum: 1,
      description: 'Answers in a row after which a node that is down is used again.',
      default: 1,
      examples: [2],
    },
    fall: {
      type: 'integer',
      minimum: 1,
      description: 'Failures in a row after which a node is down, if it takes connections.',
      default: 2,
      examples: [3],
    },
  },
};

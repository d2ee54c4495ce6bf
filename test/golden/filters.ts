import type { FilterDefinitionLike } from '../../src/dialect.ts';

/** Filters for the cases here: each shows one thing that a filter's schema can say. */
export const goldenFilters: readonly FilterDefinitionLike[] = [
  {
    name: 'echo',
    summary: 'Answers with a text.',
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: {
        message: {
          type: 'string',
          default: '.',
          syntax: 'template',
          description: 'The text.',
        },
        repeat: { type: 'integer', minimum: 1, default: 1, description: 'How often.' },
        headers: {
          type: 'object',
          additionalProperties: { type: 'string' },
          description: 'Header fields.',
        },
      },
    },
  },
  {
    name: 'elasticsearch',
    summary: 'Forwards to a cluster.',
    schema: {
      type: 'object',
      additionalProperties: false,
      required: ['elasticsearch'],
      properties: {
        elasticsearch: { type: 'string', references: 'cluster', description: 'The cluster.' },
        timeout: {
          type: ['string', 'number'],
          duration: true,
          default: '30s',
          description: 'The time for it.',
        },
        max_response_size: {
          type: ['string', 'number'],
          bytes: true,
          default: '100mb',
          description: 'Most bytes of a response.',
        },
        balancer: {
          type: 'string',
          enum: ['weight', 'hash'],
          default: 'weight',
          description: 'How a node is chosen.',
        },
        refresh: {
          type: 'object',
          unsupported: 'has no effect yet',
          description: 'Looking for nodes.',
          properties: { enabled: { type: 'boolean', description: 'Whether.' } },
        },
      },
    },
  },
  {
    name: 'flow',
    summary: 'Runs other flows.',
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: {
        flows: {
          type: 'array',
          items: { type: 'string', references: 'flow' },
          description: 'The flows.',
        },
        inline: { type: 'array', filters: true, description: 'Filters given at once.' },
      },
    },
  },
  {
    name: 'basic_auth',
    summary: 'Asks for a password.',
    schema: {
      type: 'object',
      additionalProperties: false,
      required: ['password'],
      properties: {
        password: { type: 'string', secret: true, description: 'The password.' },
        limit: {
          anyOf: [{ type: 'integer', minimum: 1 }, { const: 'none' }],
          default: 'none',
          description: 'How many may try.',
        },
        users: {
          anyOf: [
            { type: 'string' },
            {
              type: 'object',
              additionalProperties: false,
              properties: { file: { type: 'string' } },
            },
          ],
          description: 'Who they are.',
        },
      },
    },
    check: (parameters: { password: string }) =>
      parameters.password.length < 3
        ? [{ path: ['password'], message: 'expected at least 3 characters' }]
        : [],
  },
];

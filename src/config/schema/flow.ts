import type { JsonSchema } from './schema.ts';

export const flowSchema: JsonSchema = {
  type: 'array',
  description: 'Flows: each is a list of filters that a request passes in order.',
  items: {
    type: 'object',
    description: 'One flow.',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        minLength: 1,
        description: 'Name that routers and filters refer to.',
        examples: ['default_flow'],
      },
      filter: {
        type: 'array',
        filters: true,
        description:
          'The filters, in order. Each item is the name of a filter, with its parameters below it.',
        examples: [[{ echo: { message: 'hello' } }]],
      },
    },
  },
};

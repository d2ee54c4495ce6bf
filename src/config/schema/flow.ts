import { identifier } from './shared-properties.ts';
import type { JsonSchema } from './json-schema.ts';

export const flowSchema: JsonSchema = {
  type: 'array',
  description: 'Flows: each is a list of filters that a request passes in order.',
  examples: [[{ name: 'to_cluster', filter: [{ elasticsearch: { elasticsearch: 'prod' } }] }]],
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
      id: identifier('flow'),
      body_limits: {
        type: 'object',
        additionalProperties: false,
        description:
          'How much of a body this flow holds in memory where a filter or condition of it reads the body; bodies that nothing reads pass as they come. A compressed body counts by what it decompresses to, too; that of a request may not come to more than 200 times its size where that is above 16 MB.',
        properties: {
          request: {
            type: ['integer', 'string'],
            bytes: true,
            default: '100mb',
            description: 'Largest request body; a larger one is answered with 413.',
            examples: ['10mb'],
          },
          response: {
            type: ['integer', 'string'],
            bytes: true,
            default: '100mb',
            description: 'Largest response body; a larger one is answered with 502.',
            examples: ['10mb'],
          },
        },
      },
      unreadable_json: {
        type: 'string',
        enum: ['refuse', 'ignore'],
        description:
          'What becomes of a request whose body this flow reads as JSON (_ctx.request.body_json, request_body_json_set) and cannot. `refuse`, which holds when it is not said, answers with 400: else a condition could be slipped past by a body that only the node understands. `ignore` goes on as if the body had no field.',
        examples: ['ignore'],
      },
      filter: {
        type: 'array',
        filters: true,
        description:
          'The filters, in order. Each item is the name of a filter, with its parameters below it. A request that none of them answers gets 404, and the log says so.',
        examples: [[{ echo: { message: 'hello' } }]],
      },
    },
  },
};

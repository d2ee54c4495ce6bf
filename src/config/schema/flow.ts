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
          'Maximum size of bodies that filters or conditions of this flow read into memory; all other bodies are streamed. The limit also applies to the decompressed size of a compressed body. A request body may not decompress to more than 200 times its size, if that is above 16 MB.',
        properties: {
          request: {
            type: ['integer', 'string'],
            bytes: true,
            default: '100mb',
            description: 'Maximum size of a request body; 413 above that.',
            examples: ['10mb'],
          },
          response: {
            type: ['integer', 'string'],
            bytes: true,
            default: '100mb',
            description: 'Maximum size of a response body; 502 above that.',
            examples: ['10mb'],
          },
        },
      },
      unreadable_json: {
        type: 'string',
        enum: ['refuse', 'ignore'],
        description:
          'How the flow handles a request whose body it reads as JSON (_ctx.request.body_json, request_body_json_set) but cannot parse. `refuse`, the default, answers with 400: otherwise a body that only the node can parse would pass every condition. `ignore` continues as if the body had no fields.',
        examples: ['ignore'],
      },
      filter: {
        type: 'array',
        filters: true,
        description:
          'The filters, in order. Each item is the name of a filter, with its parameters below it. A request that no filter answers gets 404, and is logged.',
        examples: [[{ echo: { message: 'hello' } }]],
      },
    },
  },
};

import { defineFilter } from '../flow/filter.ts';

interface SetResponseParameters {
  readonly status: number;
  readonly content_type?: string;
  readonly body?: string;
}

export default defineFilter<SetResponseParameters>({
  name: 'set_response',
  summary: "Sets the response's status, content type and body.",
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      status: {
        type: 'integer',
        minimum: 200,
        maximum: 999,
        default: 200,
        description: 'HTTP status of the response.',
      },
      content_type: {
        type: 'string',
        description: 'Media type of the body.',
        examples: ['application/json'],
      },
      body: {
        type: 'string',
        description: 'Body of the response, in place of the one it has.',
        examples: ['{"message":"hello world"}'],
      },
    },
  },
  create({ status, content_type, body }) {
    const bytes = body === undefined ? null : Buffer.from(body);

    return function setResponse({ response }) {
      response.status = status;
      if (content_type !== undefined) response.headers.set('Content-Type', content_type);
      if (bytes !== null) response.setBody(bytes);
    };
  },
});

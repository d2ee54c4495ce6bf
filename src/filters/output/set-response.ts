import { fieldValue } from '../../http/target.ts';
import { defineFilter } from '../../flow/filter.ts';

interface SetResponseParameters {
  readonly status?: number;
  readonly content_type?: string;
  readonly body?: string;
}

/** Even without a body it is a response. */
const empty = Buffer.alloc(0);

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
        description:
          'HTTP status of the response. When absent the response keeps the status that it has; it is 200 when there was none.',
        examples: [404],
      },
      content_type: {
        type: 'string',
        syntax: 'template',
        description: 'Media type of the body.',
        examples: ['application/json'],
      },
      body: {
        type: 'string',
        syntax: 'template',
        description: 'Body of the response, in place of the one it has.',
        examples: ['{"message":"hello world"}'],
      },
    },
  },
  create({ status, content_type, body }, { template }) {
    const contentType = content_type === undefined ? null : template(content_type);
    const text = body === undefined ? null : template(body);
    const bytes = text?.constant === undefined ? null : Buffer.from(text.constant);

    return function setResponse(context) {
      const { response } = context;
      if (status === undefined) {
        if (!response.isGiven) response.body = empty;
      } else {
        response.status = status;
        response.statusText = '';
      }
      if (contentType !== null) {
        response.headers.set('Content-Type', fieldValue(contentType.render(context)));
      }
      if (text !== null) response.setBody(bytes ?? Buffer.from(text.render(context)));
    };
  },
});

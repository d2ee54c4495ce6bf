import { fieldValue } from '../../http/target.ts';
import { defineFilter } from '../../flow/filter.ts';

interface RedirectParameters {
  readonly uri: string;
  readonly code: number;
}

export default defineFilter<RedirectParameters>({
  name: 'redirect',
  summary: 'Sends the client to another address, and ends the request.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['uri'],
    properties: {
      uri: {
        type: 'string',
        minLength: 1,
        syntax: 'template',
        description:
          'The address to go to. The second example sends clients of plain HTTP to HTTPS.',
        examples: [
          'https://example.com',
          'https://$[[_ctx.request.hostname]]$[[_ctx.request.target]]',
        ],
      },
      code: {
        type: 'integer',
        minimum: 300,
        maximum: 399,
        default: 302,
        description: 'HTTP status of the answer.',
      },
    },
  },
  create({ uri, code }, { template }) {
    const location = template(uri);

    return function redirect(context) {
      const { response } = context;
      response.status = code;
      response.statusText = '';
      response.headers.set('Location', fieldValue(location.render(context)));
      response.setBody(null);
      context.finish();
    };
  },
});

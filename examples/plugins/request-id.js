// A filter of one's own: gives each request an id that the backend, the client and the log share.
import { randomUUID } from 'node:crypto';
import { defineFilter } from 'evergate';

export default defineFilter({
  name: 'request_id',
  summary: 'Gives each request an id that the backend and the client see.',
  // Parameters are validated by this; `evergate explain request_id -c FILE` shows it.
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      header: {
        type: 'string',
        default: 'X-Request-Id',
        description: 'Header field for the id.',
        examples: ['X-Trace-Id'],
      },
      trust_client: {
        type: 'boolean',
        default: false,
        description: 'Whether an id that the client sends is kept.',
      },
      prefix: {
        type: 'string',
        syntax: 'template',
        default: '',
        description: 'Stands before each id; may hold fields of the request.',
        examples: ['$[[_sys.hostname]]-'],
      },
    },
  },
  // Runs once, when a worker builds the flow; what it returns runs for each request.
  create({ header, trust_client: trusts, prefix }, { template }) {
    const before = template(prefix);
    return function requestId(context) {
      const { request, response } = context;
      const given = trusts ? request.headers.get(header.toLowerCase()) : undefined;
      const id = given ?? before.render(context) + randomUUID();
      request.headers.set(header, id);
      response.headers.set(header, id);
    };
  },
});

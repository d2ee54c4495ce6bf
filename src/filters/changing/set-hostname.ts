import { defineFilter } from '../../flow/filter.ts';

interface SetHostnameParameters {
  readonly hostname: string;
}

export default defineFilter<SetHostnameParameters>({
  name: 'set_hostname',
  summary: 'Sets the host that the request asks for.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['hostname'],
    properties: {
      hostname: {
        type: 'string',
        minLength: 1,
        syntax: 'template',
        description: 'Host name, with a port if need be.',
        examples: ['api.example.com'],
      },
    },
  },
  create({ hostname }, { template, writer }) {
    const host = template(hostname);
    const { set } = writer('_ctx.request.host');

    return function setHostname(context) {
      set(context, host.render(context));
    };
  },
});

import { defineFilter } from '../flow/filter.ts';

interface SetContextParameters {
  readonly context: Readonly<Record<string, unknown>>;
}

export default defineFilter<SetContextParameters>({
  name: 'set_context',
  summary: 'Sets values of the context: of the request, of the response, or variables of your own.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['context'],
    properties: {
      context: {
        type: 'object',
        propertyNames: { syntax: 'settable-field' },
        additionalProperties: { syntax: 'template' },
        description:
          'Names and values, set in this order. A text may hold templates; one that is nothing but a template keeps the type of what it stands for.',
        examples: [
          {
            '_ctx.request.header.ENV': 'dev',
            '_ctx.request.body_json.explain': true,
            '_ctx.response.status': 419,
            tenant: '$[[_ctx.request.username]]',
          },
        ],
      },
    },
  },
  create({ context: values }, { writer, template }) {
    const assignments = Object.entries(values).map(([name, value]) => {
      const { set } = writer(name);
      if (typeof value !== 'string') return { set, valueOf: () => value };
      return { set, valueOf: template(value).value };
    });

    return function setContext(context) {
      for (const { set, valueOf } of assignments) set(context, valueOf(context));
    };
  },
});

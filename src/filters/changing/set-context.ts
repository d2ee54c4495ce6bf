import { isField } from '../../context/fields/compile.ts';
import { expectAgain } from '../../context/requirements.ts';
import type { RequestContext } from '../../http/context.ts';
import { defineFilter } from '../../flow/filter.ts';

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
          'Names and values, set in this order. A text may hold templates; one that is nothing but a template keeps the type of what it stands for. Below body_json a text that is JSON stands for its value.',
        examples: [
          {
            '_ctx.request.header.ENV': 'dev',
            '_ctx.request.body_json.explain': true,
            '_ctx.response.status': 419,
            tenant: '$[[_ctx.request.username]]',
          },
        ],
      },
      context_keyword: {
        type: 'string',
        enum: ['_ctx.'],
        description: 'How names of the context begin.',
      },
      variable_keyword: {
        type: 'string',
        enum: ['$[['],
        description: 'How a template in a text begins.',
      },
    },
  },
  create({ context: values }, { writer, template }) {
    const assignments = named(values).map(([name, value]) => {
      const { needs, set, fromText } = writer(name);
      if (typeof value !== 'string') return { needs, set, valueOf: () => value };
      const { constant, value: rendered } = template(value);
      if (constant === undefined || fromText === undefined)
        return { needs, set, valueOf: rendered };
      const meant = fromText(constant);
      return { needs, set, valueOf: () => meant };
    });

    return function setContext(context) {
      return setFrom(0, context);
    };

    /** Each change of a large JSON body has the next one wait until the body has been read again. */
    function setFrom(first: number, context: RequestContext): void | Promise<void> {
      for (let index = first; index < assignments.length; index++) {
        const { needs, set, valueOf } = assignments[index] as (typeof assignments)[number];
        const pending = expectAgain(needs, context);
        if (pending) {
          return pending.then(() => {
            set(context, valueOf(context));
            return setFrom(index + 1, context);
          });
        }
        set(context, valueOf(context));
      }
    }
  },
});

/** Names and values; `_ctx: { request: { path: /a } }` is the same as `_ctx.request.path: /a`. */
function named(values: object, prefix = ''): [name: string, value: unknown][] {
  return Object.entries(values).flatMap(([key, value]) => {
    const name = prefix + key;
    if (typeof value !== 'object' || value === null || isField(name)) return [[name, value]];
    return named(value, `${name}.`);
  });
}

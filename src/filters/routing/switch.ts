import { decodePath, encodePath } from '../../http/target.ts';
import { continueProperty } from './redirect-flow.ts';
import { defineFilter } from '../../flow/filter.ts';

interface SwitchParameters {
  readonly path_rules: readonly { readonly prefix: string; readonly flow: string }[];
  readonly remove_prefix: boolean;
  readonly continue: boolean;
  readonly unescape: boolean;
}

export default defineFilter<SwitchParameters>({
  name: 'switch',
  summary: 'Sends requests to other flows by how their path begins.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['path_rules'],
    properties: {
      path_rules: {
        type: 'array',
        minItems: 1,
        description: 'The rules; the first that fits counts.',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['prefix', 'flow'],
          properties: {
            prefix: {
              type: 'string',
              minLength: 1,
              description: 'How the path begins. A slash in front of it is added when it has none.',
              examples: ['es1:', '/api/'],
            },
            flow: {
              type: 'string',
              references: 'flow',
              description: 'The flow for such requests.',
              examples: ['es1-flow'],
            },
          },
        },
      },
      remove_prefix: {
        type: 'boolean',
        default: true,
        description: 'Whether the prefix is taken out of the path.',
      },
      continue: continueProperty,
      unescape: {
        type: 'boolean',
        default: true,
        description: 'Whether percent-encoding is undone before a prefix is looked for.',
      },
    },
  },
  create(parameters, services) {
    const rules = parameters.path_rules.map(({ prefix, flow }) => {
      return {
        start: prefix.startsWith('/') ? prefix : `/${prefix}`,
        run: services.detour(flow, parameters.continue),
      };
    });
    const { remove_prefix: removePrefix, unescape } = parameters;

    return function switchFlow(context) {
      const { request } = context;
      const path = unescape ? decodePath(request.path) : request.path;
      const rule = rules.find(({ start }) => path.startsWith(start));
      if (rule === undefined) return;
      if (removePrefix) {
        const rest = encodePath(path.slice(rule.start.length));
        request.target = request.query === '' ? rest : `${rest}?${request.query}`;
      }
      return rule.run(context);
    };
  },
});

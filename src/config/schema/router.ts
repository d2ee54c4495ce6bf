import type { JsonSchema } from './schema.ts';

export const methods = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  '*',
] as const;

const rules: JsonSchema = {
  type: 'array',
  description: 'Which requests go to which flows.',
  default: [],
  items: {
    type: 'object',
    description: 'One rule: requests of these methods and paths go through these flows.',
    additionalProperties: false,
    required: ['pattern', 'flow'],
    properties: {
      method: {
        type: ['string', 'array'],
        minItems: 1,
        items: { type: 'string' },
        description: `Methods that the rule is for: ${methods.join(', ')}; "*" is any.`,
        default: ['*'],
        examples: [['GET', 'HEAD']],
      },
      pattern: {
        type: ['string', 'array'],
        minItems: 1,
        items: { type: 'string', pattern: '^/' },
        pattern: '^/',
        description:
          'Paths that the rule is for. {name} is one segment or a part of one, {name:regexp} one that the expression matches, {name:*} the rest of the path.',
        examples: [['/_bulk', '/{index}/_bulk'], '/{any:*}'],
      },
      flow: {
        type: ['string', 'array'],
        minItems: 1,
        items: { type: 'string', references: 'flow' },
        references: 'flow',
        description: 'Names of the flows that such a request goes through, one after the other.',
        examples: [['write_flow']],
      },
      enabled: {
        type: 'boolean',
        description: 'Whether the rule counts.',
        refused: 'is not supported yet; take out a rule that shall not count',
      },
    },
  },
};

export const routerSchema: JsonSchema = {
  type: 'array',
  description: 'Routers: each sends requests to flows by method and path.',
  items: {
    type: 'object',
    description: 'One router.',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        minLength: 1,
        description: 'Name that entries refer to.',
        examples: ['my_router'],
      },
      default_flow: {
        type: 'string',
        minLength: 1,
        references: 'flow',
        description: 'Flow for requests that no rule is for; without it they get 404.',
        examples: ['default_flow'],
      },
      rules,
      tracing_flow: {
        type: 'string',
        references: 'flow',
        description: 'Flow that runs after the response, to log the request.',
        unsupported: 'is not supported yet: this flow is not run',
      },
      ip_access_control: {
        type: 'object',
        description: 'Client addresses that are let in, or kept out.',
        refused: 'is not supported yet, and leaving it out would let everybody in',
      },
      permitted_client_ip_list: {
        type: 'array',
        description: 'Client addresses that are let in.',
        refused: 'is not supported yet, and leaving it out would let everybody in',
      },
      denied_client_ip_list: {
        type: 'array',
        description: 'Client addresses that are kept out.',
        refused: 'is not supported yet, and leaving it out would let everybody in',
      },
      rule_toggle_enabled: {
        type: 'boolean',
        description: 'Whether rules can be switched off one by one.',
        unsupported: 'has no effect yet',
      },
    },
  },
};

import { identifier } from './shared-properties.ts';
import type { JsonSchema } from './json-schema.ts';

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

function networks(description: string): JsonSchema {
  return {
    type: 'array',
    items: { type: 'string', syntax: 'network' },
    description,
    examples: [['133.37.55.22', '10.0.0.0/8']],
  };
}

const rules: JsonSchema = {
  type: 'array',
  description: 'Rules that select flows for requests.',
  default: [],
  items: {
    type: 'object',
    description: 'One rule: the flows for requests with these methods and paths.',
    additionalProperties: false,
    required: ['pattern', 'flow'],
    properties: {
      method: {
        type: ['string', 'array'],
        minItems: 1,
        items: { type: 'string' },
        description: `Methods that the rule matches: ${methods.join(', ')}; "*" is any.`,
        default: ['*'],
        examples: [['GET', 'HEAD']],
      },
      pattern: {
        type: ['string', 'array'],
        minItems: 1,
        items: { type: 'string', syntax: 'pattern' },
        syntax: 'pattern',
        description:
          'Paths that the rule matches. {name} matches a segment or a part of one, {name:regexp} a segment that the expression matches as a whole, {name:*} the rest of the path, {name?} an optional last segment. Static text takes precedence over a variable, and a variable over {name:*}. Paths are compared after percent-decoding. A trailing slash makes no difference, as in Elasticsearch: /a also matches /a/, and /a/ matches /a, unless each has a rule of its own.',
        examples: [['/_bulk', '/{index}/_bulk'], '/{any:*}'],
      },
      flow: {
        type: ['string', 'array'],
        minItems: 1,
        items: { type: 'string', references: 'flow' },
        references: 'flow',
        description: 'Names of the flows that such a request passes, in order.',
        examples: [['write_flow']],
      },
      id: {
        type: 'string',
        description: 'Identifier of the rule. It has no effect.',
        examples: ['bulk'],
      },
      description: {
        type: 'string',
        description: 'Comment on the rule.',
        examples: ['bulk requests'],
      },
      enabled: {
        type: 'boolean',
        description:
          'Enables the rule. It applies only if the router has `rule_toggle_enabled`; a rule without it is disabled then.',
        examples: [true],
      },
    },
  },
};

export const routerSchema: JsonSchema = {
  type: 'array',
  description: 'Routers: each selects flows for requests by method and path.',
  examples: [[{ name: 'default', default_flow: 'to_cluster' }]],
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
      id: identifier('router'),
      default_flow: {
        type: 'string',
        minLength: 1,
        references: 'flow',
        description: 'Flow for requests that no rule matches; without it they get 404.',
        examples: ['default_flow'],
      },
      rules,
      tracing_flow: {
        type: 'string',
        minLength: 1,
        references: 'flow',
        description:
          'Flow that runs for each request after its response is complete, for logs and counters. It neither delays nor changes the response.',
        examples: ['request_logging'],
      },
      ip_access_control: {
        type: 'object',
        description: 'Client addresses that may connect.',
        additionalProperties: false,
        properties: {
          enabled: {
            type: 'boolean',
            default: false,
            description: 'Enables the lists.',
            examples: [true],
          },
          client_ip: {
            type: 'object',
            description: 'The lists. A connection from a denied address is closed at once.',
            additionalProperties: false,
            properties: {
              permitted: networks(
                'Addresses and networks that may connect; all others are denied.',
              ),
              denied: networks(
                'Addresses and networks that may not connect; takes precedence over "permitted".',
              ),
            },
          },
        },
      },
      permitted_client_ip_list: networks(
        'The same as `ip_access_control.client_ip.permitted`; its presence enables it.',
      ),
      denied_client_ip_list: networks(
        'The same as `ip_access_control.client_ip.denied`; its presence enables it.',
      ),
      rule_toggle_enabled: {
        type: 'boolean',
        default: false,
        description: 'Ignores rules without `enabled: true`.',
        examples: [true],
      },
    },
  },
};

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
        items: { type: 'string', syntax: 'pattern' },
        syntax: 'pattern',
        description:
          'Paths that the rule is for. {name} is one segment or a part of one, {name:regexp} one that the expression matches as a whole, {name:*} the rest of the path, {name?} a last segment that may be missing. Static text goes before a variable, and that before the rest. Paths are compared with percent-encoding undone. A slash at the end makes no difference, as in Elasticsearch: /a is also for /a/, and /a/ for /a, unless each has a rule of its own.',
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
      id: {
        type: 'string',
        description: 'Identifier of the rule. For your information only.',
        examples: ['bulk'],
      },
      description: {
        type: 'string',
        description: 'What the rule is for, in words.',
        examples: ['bulk requests'],
      },
      enabled: {
        type: 'boolean',
        description:
          'Whether the rule counts. It is heeded only when the router has `rule_toggle_enabled`, and then a rule that does not say it is left out.',
        examples: [true],
      },
    },
  },
};

export const routerSchema: JsonSchema = {
  type: 'array',
  description: 'Routers: each sends requests to flows by method and path.',
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
        description: 'Flow for requests that no rule is for; without it they get 404.',
        examples: ['default_flow'],
      },
      rules,
      tracing_flow: {
        type: 'string',
        minLength: 1,
        references: 'flow',
        description:
          'Flow that runs for each request when its response is complete, to log it or to count it. It delays and changes nothing that the client sees.',
        examples: ['request_logging'],
      },
      ip_access_control: {
        type: 'object',
        description: 'Client addresses that are let in, or kept out.',
        additionalProperties: false,
        properties: {
          enabled: {
            type: 'boolean',
            default: false,
            description: 'Whether the lists count.',
            examples: [true],
          },
          client_ip: {
            type: 'object',
            description: 'The lists. A connection that they forbid is closed at once.',
            additionalProperties: false,
            properties: {
              permitted: networks('The only addresses and networks that are let in.'),
              denied: networks('Addresses and networks that are kept out; this goes first.'),
            },
          },
        },
      },
      permitted_client_ip_list: networks(
        'As `ip_access_control.client_ip.permitted`, switched on by being there.',
      ),
      denied_client_ip_list: networks(
        'As `ip_access_control.client_ip.denied`, switched on by being there.',
      ),
      rule_toggle_enabled: {
        type: 'boolean',
        default: false,
        description: 'Whether only those rules count that say `enabled: true`.',
        examples: [true],
      },
    },
  },
};

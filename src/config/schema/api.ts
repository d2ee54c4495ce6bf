import { hostAndPort } from './shared-properties.ts';
import type { JsonSchema } from './json-schema.ts';

const network: JsonSchema = {
  type: 'object',
  description:
    'Where the API listens. On an address that other machines reach it needs "security"; without it, it answers there with metrics and probes only.',
  additionalProperties: false,
  default: {},
  properties: {
    ...hostAndPort('127.0.0.1', 2900),
    binding: {
      type: 'string',
      description:
        'Address and port to listen on, as one text. When neither this nor "host" nor "port" is given, 127.0.0.1:2900.',
      examples: ['127.0.0.1:2900', '[::1]:2900', '0.0.0.0:2900'],
    },
    publish: {
      type: 'string',
      description: 'Address and port by which the outside reaches the API, for status and log.',
      examples: ['192.168.3.10:2900'],
    },
    skip_occupied_port: {
      type: 'boolean',
      description:
        'When the port is taken, listens on the next free one; log and status say which.',
      default: false,
      examples: [true],
    },
    reuse_port: {
      type: 'boolean',
      description: 'Shares the port with other programs.',
      unsupported: 'has no effect here: an API speaks for one gateway, and has its port alone',
    },
  },
};

export const apiSchema: JsonSchema = {
  type: 'object',
  description:
    'An HTTP API of the gateway itself: GET /status, /metrics (for Prometheus), /healthz and /readyz (for Kubernetes, without a password), POST /reload, /upgrade and /stop.',
  additionalProperties: false,
  default: {},
  examples: [{ enabled: true, network: { binding: '127.0.0.1:2900' } }],
  properties: {
    enabled: {
      type: 'boolean',
      description:
        'Whether there is an API. What the command line asks for needs none. (INFINI Gateway has it on by default, at 0.0.0.0:2900.)',
      default: false,
      examples: [true],
    },
    network,
    security: {
      type: 'object',
      description: 'Who may use the API.',
      additionalProperties: false,
      default: {},
      properties: {
        enabled: {
          type: 'boolean',
          description: 'Whether every request needs user name and password, as HTTP Basic.',
          default: false,
          examples: [true],
        },
        username: {
          type: 'string',
          minLength: 1,
          description: 'Name of the user.',
          examples: ['operator'],
        },
        password: {
          type: 'string',
          minLength: 1,
          secret: true,
          description: 'Password of the user.',
          examples: ['$[[env.API_PASSWORD]]'],
        },
      },
    },
    tls: {
      type: 'object',
      description: 'TLS for the API.',
      refused:
        'is not supported for the API yet; leave the API on 127.0.0.1, and pass requests on to it from an entry with TLS by the filter http',
    },
    cors: {
      type: 'object',
      description: 'Web sites that may use the API from a browser.',
      refused: 'is not supported: browsers cannot use the API from other sites',
    },
    base_path: {
      type: 'string',
      description: 'Prefix of all paths of the API.',
      unsupported: 'has no effect: the paths of the API are fixed',
    },
    verbose_error_root_cause: {
      type: 'boolean',
      description: 'Tells more of an error.',
      unsupported: 'has no effect here',
    },
    api_directory_path: {
      type: 'string',
      description: 'Path that lists the API.',
      unsupported: 'has no effect: there is no such list',
    },
    disable_api_directory: {
      type: 'boolean',
      description: 'Whether there is no list of the API.',
      unsupported: 'has no effect: there is no such list',
    },
    websocket: {
      type: 'object',
      description: 'WebSockets of the API.',
      unsupported: 'has no effect here: the API has none',
    },
  },
};

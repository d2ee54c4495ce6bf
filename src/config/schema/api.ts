import { hostAndPort } from './shared-properties.ts';
import type { JsonSchema } from './json-schema.ts';

const network: JsonSchema = {
  type: 'object',
  description:
    'Address that the API listens on. On an address that other machines can reach, it needs "security"; without it, it serves only metrics and probes there.',
  additionalProperties: false,
  default: {},
  properties: {
    ...hostAndPort('127.0.0.1', 2900),
    binding: {
      type: 'string',
      description:
        'Address and port to listen on, as one text. The default is 127.0.0.1:2900, or "host" and "port" if one of them is given.',
      examples: ['127.0.0.1:2900', '[::1]:2900', '0.0.0.0:2900'],
    },
    publish: {
      type: 'string',
      description: 'Address and port at which clients reach the API, for status and log.',
      examples: ['192.168.3.10:2900'],
    },
    skip_occupied_port: {
      type: 'boolean',
      description: 'Listens on the next free port if the port is in use; log and status show it.',
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
    'The HTTP API: GET /status, /metrics (for Prometheus), /healthz and /readyz (for Kubernetes, without a password), POST /reload, /upgrade and /stop.',
  additionalProperties: false,
  default: {},
  examples: [{ enabled: true, network: { binding: '127.0.0.1:2900' } }],
  properties: {
    enabled: {
      type: 'boolean',
      description:
        'Enables the HTTP API. The command line does not need it: it uses the control socket. (INFINI Gateway enables its API by default, at 0.0.0.0:2900.)',
      default: false,
      examples: [true],
    },
    network,
    security: {
      type: 'object',
      description: 'Authentication of the API.',
      additionalProperties: false,
      default: {},
      properties: {
        enabled: {
          type: 'boolean',
          description: 'Requires a user name and a password (HTTP Basic) with every request.',
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
      description: 'Web sites that may use the API from a browser (CORS).',
      refused: 'is not supported: browsers cannot use the API from other sites',
    },
    base_path: {
      type: 'string',
      description: 'Prefix of all paths of the API.',
      unsupported: 'has no effect: the paths of the API are fixed',
    },
    verbose_error_root_cause: {
      type: 'boolean',
      description: 'Adds details to errors.',
      unsupported: 'has no effect here',
    },
    api_directory_path: {
      type: 'string',
      description: 'Path that lists the API.',
      unsupported: 'has no effect: there is no such list',
    },
    disable_api_directory: {
      type: 'boolean',
      description: 'Disables the list of the API.',
      unsupported: 'has no effect: there is no such list',
    },
    websocket: {
      type: 'object',
      description: 'WebSockets of the API.',
      unsupported: 'has no effect here: the API has none',
    },
  },
};

import type { JsonSchema } from '../json-schema.ts';

export const upstreamTls: JsonSchema = {
  type: 'object',
  clientTls: true,
  description: 'How to talk to nodes whose address begins with https.',
  additionalProperties: false,
  default: {},
  properties: {
    ca_file: {
      type: 'string',
      file: 'read',
      description:
        "Certificates (PEM) of the authorities that may have issued the nodes'. With this, nodes " +
        'are verified unless "skip_insecure_verify" or a filter\'s "tls_insecure_skip_verify" is true. ' +
        'The path is relative to the file that names it.',
      examples: ['certs/ca.pem'],
    },
    skip_insecure_verify: {
      type: 'boolean',
      description:
        'Whether a node is accepted whatever certificate it has. When absent, nodes are verified ' +
        'exactly if "ca_file" is given, as INFINI Gateway does; "check" warns where they are not. ' +
        'With false and no "ca_file", the authorities that Node.js trusts count.',
      examples: [false],
    },
    skip_domain_verify: {
      type: 'boolean',
      description:
        'Whether a verified certificate may be for another host name than the one asked for.',
      default: false,
      examples: [true],
    },
    cert_file: {
      type: 'string',
      file: 'read',
      description: 'Certificate (PEM) to show to nodes; needs "key_file".',
      examples: ['certs/gateway.pem'],
    },
    key_file: {
      type: 'string',
      file: 'read',
      description: 'Key (PEM) of "cert_file".',
      examples: ['certs/gateway-key.pem'],
    },
    key_passphrase: {
      type: 'string',
      secret: true,
      description: 'Passphrase of "key_file".',
      examples: ['$[[env.KEY_PASSPHRASE]]'],
    },
    cert_password: {
      type: 'string',
      secret: true,
      description: 'The same as "key_passphrase".',
      examples: ['$[[env.KEY_PASSPHRASE]]'],
    },
    server_name: {
      type: 'string',
      description:
        "Host name to ask nodes for (SNI) and to verify their certificates by; each node's own when absent.",
      examples: ['es.example.com'],
    },
    enabled: {
      type: 'boolean',
      description: 'Whether nodes speak TLS.',
      unsupported: 'has no effect: "https" in the address, or in "schema", says it',
    },
    default_domain: {
      type: 'string',
      description: 'Host name of a generated certificate.',
      unsupported: 'has no effect here: no certificate is generated for connections to nodes',
    },
    client_session_cache_size: {
      type: 'integer',
      description: 'How many TLS sessions are kept for resumption.',
      unsupported: 'has no effect: the last session of each node is kept',
    },
    bypass_malformed_cert: {
      type: 'boolean',
      description: 'Accepts certificates that break the rules of their format.',
      unsupported: 'has no effect; "skip_insecure_verify: true" accepts any certificate',
    },
  },
};

export const upstreamHttp2: JsonSchema = {
  type: 'boolean',
  description:
    'Whether HTTP/2 is spoken: over https with nodes that offer it, over http with every node, which has to know it (h2c, by prior knowledge).',
  default: false,
  examples: [true],
};

import type { JsonSchema } from '../json-schema.ts';

export const upstreamTls: JsonSchema = {
  type: 'object',
  clientTls: true,
  description: 'TLS to nodes whose address begins with https.',
  additionalProperties: false,
  default: {},
  properties: {
    ca_file: {
      type: 'string',
      file: 'read',
      description:
        'Certificates (PEM) of the authorities that issue the certificates of the nodes. It enables ' +
        'verification, unless "skip_insecure_verify" or "tls_insecure_skip_verify" of a filter is ' +
        'true. The path is relative to the file that contains it.',
      examples: ['certs/ca.pem'],
    },
    skip_insecure_verify: {
      type: 'boolean',
      description:
        'Accepts any certificate of a node. Default: false if "ca_file" is given, otherwise true, as ' +
        'in INFINI Gateway; "evergate check" warns of nodes that are not verified. With false and ' +
        'without "ca_file", the authorities that Node.js trusts are used.',
      examples: [false],
    },
    skip_domain_verify: {
      type: 'boolean',
      description: 'Accepts a verified certificate with another host name.',
      default: false,
      examples: [true],
    },
    cert_file: {
      type: 'string',
      file: 'read',
      description: 'Client certificate (PEM) for nodes; needs "key_file".',
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
        'Host name for SNI and for the verification of certificates. Default: the host name of each node.',
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
      description: 'Number of TLS sessions that are kept for resumption.',
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
    'Uses HTTP/2: over https with nodes that offer it, over http with all nodes, which must support it (h2c by prior knowledge).',
  default: false,
  examples: [true],
};

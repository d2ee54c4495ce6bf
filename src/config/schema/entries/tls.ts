import type { JsonSchema } from '../json-schema.ts';

const keyPassphrase: JsonSchema = {
  type: 'string',
  secret: true,
  description: 'Passphrase of the private key, if it is encrypted.',
  examples: ['$[[env.KEY_PASSPHRASE]]'],
};

const certificates: JsonSchema = {
  type: 'array',
  description:
    "Further certificates, selected by the host name in the client's handshake (SNI). Other names get the certificate above.",
  default: [],
  items: {
    type: 'object',
    description: 'A certificate for some host names.',
    additionalProperties: false,
    required: ['cert_file', 'key_file'],
    properties: {
      domains: {
        type: 'array',
        minItems: 1,
        items: { type: 'string', minLength: 1, description: 'A host name.' },
        description:
          'Host names of the certificate; "*.example.com" matches all names one level below. Default: the names in the certificate.',
        examples: [['api.example.com', '*.es.example.com']],
      },
      cert_file: {
        type: 'string',
        minLength: 1,
        description: 'PEM file with the certificate and its chain.',
        examples: ['/etc/certs/api.crt'],
      },
      key_file: {
        type: 'string',
        minLength: 1,
        description: 'PEM file with the private key.',
        examples: ['/etc/certs/api.key'],
      },
      key_passphrase: keyPassphrase,
    },
  },
};

export const tls: JsonSchema = {
  type: 'object',
  description: 'TLS (HTTPS) on this entry.',
  additionalProperties: false,
  default: {},
  properties: {
    enabled: {
      type: 'boolean',
      description:
        'Enables TLS. Without certificate files, the gateway generates a certificate, stores and renews it; "evergate cert" shows the authority that clients should trust.',
      default: false,
      examples: [true],
    },
    cert_file: {
      type: 'string',
      minLength: 1,
      description:
        'PEM file with the certificate and its chain, relative to the configuration file that contains the path. An expired certificate is still used, with a warning every day and the metric `evergate_certificate_expiry_seconds`.',
      examples: ['/etc/ssl.crt'],
    },
    key_file: {
      type: 'string',
      minLength: 1,
      description:
        'PEM file with the private key, relative to the configuration file that contains the path.',
      examples: ['/etc/ssl.key'],
    },
    key_passphrase: keyPassphrase,
    cert_password: { ...keyPassphrase, description: 'The same as "key_passphrase".' },
    certificates,
    ca_file: {
      type: 'string',
      minLength: 1,
      description:
        'PEM file with the authorities that may issue client certificates. If it is given, every client must present a certificate.',
      examples: ['/etc/certs/clients-ca.crt'],
    },
    skip_insecure_verify: {
      type: 'boolean',
      description:
        'Accepts clients without a certificate, or with one that does not verify; fields of the context report the result. It needs "ca_file".',
      default: false,
      examples: [true],
    },
    default_domain: {
      type: 'string',
      minLength: 1,
      description: 'Host name in the generated certificate.',
      examples: ['gateway.example.com'],
    },
    min_version: {
      type: 'string',
      enum: ['TLSv1.2', 'TLSv1.3'],
      description: 'Minimum version of TLS.',
      default: 'TLSv1.2',
      examples: ['TLSv1.3'],
    },
    ciphers: {
      type: 'string',
      minLength: 1,
      description:
        'Cipher suites in order of preference, by their OpenSSL names. Default: those with forward secrecy and authenticated encryption.',
      examples: ['TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384'],
    },
    http2: {
      type: 'boolean',
      description:
        'Offers HTTP/2 to clients (ALPN). Entries without TLS accept HTTP/2 by prior knowledge (h2c).',
      default: true,
      examples: [false],
    },
    skip_domain_verify: {
      type: 'boolean',
      description: 'Does not compare the host name with the certificate.',
      unsupported: 'has no effect yet',
    },
    client_session_cache_size: {
      type: 'integer',
      description: 'Number of TLS sessions that are kept for resumption.',
      unsupported: 'has no effect: sessions are kept by the clients, in tickets',
    },
    bypass_malformed_cert: {
      type: 'boolean',
      description: 'Accepts certificates that break the rules of their format.',
      unsupported: 'has no effect here',
    },
    auto_issue: {
      type: 'object',
      description: 'Certificates from a public authority (ACME).',
      unsupported: 'is not supported yet',
    },
  },
};

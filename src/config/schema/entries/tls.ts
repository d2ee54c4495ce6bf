import type { JsonSchema } from '../json-schema.ts';

const keyPassphrase: JsonSchema = {
  type: 'string',
  secret: true,
  description: 'Pass-phrase of the private key, when it is protected by one.',
  examples: ['$[[env.KEY_PASSPHRASE]]'],
};

const certificates: JsonSchema = {
  type: 'array',
  description:
    'Further certificates, chosen by the host name that the client asks for (SNI). Clients that ask for another name get the one above.',
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
          'Host names to use it for; "*.example.com" stands for all names one level below. By default those that the certificate itself names.',
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
        'Whether clients speak TLS to this entry. Without certificate files a certificate is generated, kept and renewed; "evergate cert" says which authority to trust.',
      default: false,
      examples: [true],
    },
    cert_file: {
      type: 'string',
      minLength: 1,
      description:
        'PEM file with the certificate and its chain, relative to the configuration file that names it. One that has expired is served, with a warning each day and the metric `evergate_certificate_expiry_seconds`.',
      examples: ['/etc/ssl.crt'],
    },
    key_file: {
      type: 'string',
      minLength: 1,
      description:
        'PEM file with the private key, relative to the configuration file that names it.',
      examples: ['/etc/ssl.key'],
    },
    key_passphrase: keyPassphrase,
    cert_password: { ...keyPassphrase, description: 'The same as "key_passphrase".' },
    certificates,
    ca_file: {
      type: 'string',
      minLength: 1,
      description:
        'PEM file with the authorities that client certificates must come from. When it is given, clients have to show a certificate.',
      examples: ['/etc/certs/clients-ca.crt'],
    },
    skip_insecure_verify: {
      type: 'boolean',
      description:
        'Accepts a client without a certificate, or with one that does not verify; the request context says so. Has a meaning only with "ca_file".',
      default: false,
      examples: [true],
    },
    default_domain: {
      type: 'string',
      minLength: 1,
      description: 'Host name to put into the generated certificate.',
      examples: ['gateway.example.com'],
    },
    min_version: {
      type: 'string',
      enum: ['TLSv1.2', 'TLSv1.3'],
      description: 'Oldest version of TLS that clients may speak.',
      default: 'TLSv1.2',
      examples: ['TLSv1.3'],
    },
    ciphers: {
      type: 'string',
      minLength: 1,
      description:
        'Cipher suites in the order of preference, as OpenSSL names them. By default those with forward secrecy and authenticated encryption.',
      examples: ['TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384'],
    },
    http2: {
      type: 'boolean',
      description:
        'Whether clients may choose HTTP/2. Without TLS they may speak it by prior knowledge.',
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
      description: 'How many TLS sessions are kept for resumption.',
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

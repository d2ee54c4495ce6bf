import { clusterRemarks } from './remarks.ts';
import { identifier } from '../shared-properties.ts';
import { healthCheck } from './health-check.ts';
import type { JsonSchema } from '../json-schema.ts';
import { upstreamHttp2, upstreamTls } from './tls.ts';

const discovery: JsonSchema = {
  type: 'object',
  description:
    'Finding the nodes of the cluster by asking it. Nodes that cannot be reached from here are not ' +
    'used; when none of them can, requests go to the addresses given here.',
  additionalProperties: false,
  default: {},
  properties: {
    enabled: {
      type: 'boolean',
      description: 'Whether the cluster is asked for its nodes.',
      default: false,
      examples: [true],
    },
    interval: {
      type: ['string', 'number'],
      duration: true,
      description: 'How long to wait in between.',
      unsupported: 'has no effect; give "refresh.interval"',
    },
    module: {
      type: 'array',
      items: { type: 'string' },
      description: 'Parts of INFINI Gateway that look for nodes.',
      unsupported: 'has no effect: nodes are found by asking the cluster',
    },
    refresh: {
      type: 'object',
      description: 'Asking again from time to time.',
      additionalProperties: false,
      default: {},
      properties: {
        enabled: { type: 'boolean', description: 'Whether to ask again.', default: true },
        interval: {
          type: ['string', 'number'],
          duration: true,
          description: 'How long to wait in between.',
          default: '30s',
          examples: ['10s'],
        },
      },
    },
  },
};

const trafficControl: JsonSchema = {
  type: 'object',
  description:
    'Limits for each node of the cluster, over all workers. A request over a limit waits, and is ' +
    'answered with 429 when it has waited too long.',
  additionalProperties: false,
  properties: {
    enabled: { type: 'boolean', description: 'Whether the limits hold.', default: true },
    max_bytes_per_node: {
      type: ['integer', 'string'],
      bytes: true,
      noLimit: true,
      description: 'Bytes of request bodies to one node in a second.',
      examples: ['10mb'],
    },
    max_qps_per_node: {
      type: 'integer',
      minimum: 0,
      noLimit: true,
      description: 'Requests to one node in a second.',
      examples: [1000],
    },
    max_connection_per_node: {
      type: 'integer',
      minimum: 0,
      noLimit: true,
      description:
        'Connections to one node at a time, beside those of health checks. "max_connection_per_node" ' +
        'of a filter holds for each worker.',
      examples: [100],
    },
    max_wait_time_in_ms: {
      type: 'integer',
      minimum: 0,
      description: 'How long a request waits for the limits, in milliseconds.',
      default: 10_000,
      examples: [1000],
    },
  },
};

const endpoint: JsonSchema = {
  type: 'string',
  minLength: 1,
  description: 'Address of a node: scheme, host and port.',
  examples: ['http://localhost:9200'],
};

const host: JsonSchema = {
  type: 'string',
  minLength: 1,
  description: 'Host and port of a node; "schema" says how to talk to it.',
  examples: ['localhost:9200'],
};

export const elasticsearchSchema: JsonSchema = {
  type: 'array',
  description: 'Elasticsearch and OpenSearch clusters that flows forward to.',
  examples: [[{ name: 'prod', endpoint: 'http://192.168.3.201:9200' }]],
  items: {
    type: 'object',
    description: 'One cluster. Its nodes are all those of endpoint, endpoints, host and hosts.',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        minLength: 1,
        description: 'Name that filters refer to.',
        examples: ['prod'],
      },
      id: identifier('cluster'),
      enabled: {
        type: 'boolean',
        description:
          'Whether the cluster can be used. Requests to one that cannot are answered with 503.',
        default: true,
        examples: [false],
      },
      endpoint,
      endpoints: {
        type: 'array',
        items: endpoint,
        description:
          'Addresses of several nodes. A host name is resolved by /etc/hosts and DNS and again when its TTL has passed; all its addresses get requests, and they are used on while the name servers do not answer.',
        examples: [['http://192.168.3.201:9200', 'http://192.168.3.202:9200']],
      },
      host,
      hosts: {
        type: 'array',
        items: host,
        description: 'Hosts and ports of several nodes.',
        examples: [['192.168.3.201:9200', '192.168.3.202:9200']],
      },
      schema: {
        type: 'string',
        enum: ['http', 'https'],
        description: 'Scheme for "host" and "hosts".',
        default: 'http',
        examples: ['https'],
      },
      basic_auth: {
        type: 'object',
        description: 'User and password for requests to the cluster.',
        additionalProperties: false,
        required: ['username'],
        properties: {
          username: { type: 'string', description: 'User.', examples: ['elastic'] },
          password: {
            type: 'string',
            secret: true,
            default: '',
            description: 'Password; best taken from the environment.',
            examples: ['$[[env.PROD_ES_PASS]]'],
          },
        },
      },
      request_timeout: {
        type: ['string', 'number'],
        duration: true,
        noLimit: true,
        description:
          'How long a node may take to answer, where a filter\'s "timeout" does not say.',
        default: '30s',
        examples: [30, '90s'],
      },
      request_compress: {
        type: 'boolean',
        description:
          'Compresses bodies of requests on the way to the cluster (gzip), from 1 KB and unless the ' +
          'client has done so. It costs processor time, and is worth it over slow networks only.',
        default: false,
        examples: [true],
      },
      discovery,
      health_check: healthCheck,
      tls: upstreamTls,
      http2: upstreamHttp2,
      traffic_control: trafficControl,
      ...clusterRemarks,
    },
  },
};

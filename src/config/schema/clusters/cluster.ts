import { clusterRemarks } from './remarks.ts';
import { identifier } from '../shared-properties.ts';
import { healthCheck } from './health-check.ts';
import type { JsonSchema } from '../json-schema.ts';
import { upstreamHttp2, upstreamTls } from './tls.ts';

const discovery: JsonSchema = {
  type: 'object',
  description:
    'Discovery of nodes: requests the list of nodes from the cluster. Unreachable nodes are not ' +
    'used; if all are unreachable, requests go to the configured addresses.',
  additionalProperties: false,
  default: {},
  properties: {
    enabled: {
      type: 'boolean',
      description: 'Enables discovery.',
      default: false,
      examples: [true],
    },
    interval: {
      type: ['string', 'number'],
      duration: true,
      description: 'Time between two requests for the list.',
      unsupported: 'has no effect; give "refresh.interval"',
    },
    module: {
      type: 'array',
      items: { type: 'string' },
      description: 'Modules of INFINI Gateway that discover nodes.',
      unsupported: 'has no effect: nodes are found by asking the cluster',
    },
    refresh: {
      type: 'object',
      description: 'Periodic discovery.',
      additionalProperties: false,
      default: {},
      properties: {
        enabled: { type: 'boolean', description: 'Enables periodic discovery.', default: true },
        interval: {
          type: ['string', 'number'],
          duration: true,
          description: 'Time between two requests for the list.',
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
    'Limits for each node of the cluster, over all workers. A request over a limit waits, and ' +
    'gets 429 if it has waited too long.',
  additionalProperties: false,
  properties: {
    enabled: { type: 'boolean', description: 'Enables the limits.', default: true },
    max_bytes_per_node: {
      type: ['integer', 'string'],
      bytes: true,
      noLimit: true,
      description: 'Bytes of request bodies to one node per second.',
      examples: ['10mb'],
    },
    max_qps_per_node: {
      type: 'integer',
      minimum: 0,
      noLimit: true,
      description: 'Requests to one node per second.',
      examples: [1000],
    },
    max_connection_per_node: {
      type: 'integer',
      minimum: 0,
      noLimit: true,
      description:
        'Open connections to one node, without those of health checks. "max_connection_per_node" ' +
        'of a filter applies to each worker.',
      examples: [100],
    },
    max_wait_time_in_ms: {
      type: 'integer',
      minimum: 0,
      description: 'Maximum time that a request waits for the limits, in milliseconds.',
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
  description: 'Host and port of a node; "schema" is the scheme.',
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
        description: 'Enables the cluster. Requests to a disabled cluster get 503.',
        default: true,
        examples: [false],
      },
      endpoint,
      endpoints: {
        type: 'array',
        items: endpoint,
        description:
          'Addresses of several nodes. A host name is resolved with /etc/hosts and DNS, and again after its TTL. All its addresses get requests, and remain in use while the name servers do not respond.',
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
            description: 'Password; an environment variable is the best place for it.',
            examples: ['$[[env.PROD_ES_PASS]]'],
          },
        },
      },
      request_timeout: {
        type: ['string', 'number'],
        duration: true,
        noLimit: true,
        description: 'Maximum time for a response of a node, unless a filter has a "timeout".',
        default: '30s',
        examples: [30, '90s'],
      },
      request_compress: {
        type: 'boolean',
        description:
          'Compresses request bodies to the cluster (gzip) from 1 KB on, unless the client has done so. ' +
          'It costs processor time; use it only over slow networks.',
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

import type { JsonSchema } from '../../config/schema/json-schema.ts';
import { defineFilter } from '../../flow/filter.ts';
import {
  connectionsOf,
  forwardOptionsOf,
  type ForwardParameters,
  forwardProperties,
} from './parameters.ts';
import type { BalancerName } from '../../cluster/cluster.ts';
import type { NodeFilter } from '../../cluster/nodes/selection.ts';
import {
  askForText,
  asksForTopology,
  publishInstead,
} from '../../cluster/elasticsearch/published-addresses.ts';
import { readsOfElasticsearch } from '../../cluster/elasticsearch/reads.ts';

interface ElasticsearchParameters extends Omit<ForwardParameters, 'timeout'> {
  readonly timeout?: number;
  readonly elasticsearch: string;
  readonly balancer: BalancerName;
  readonly hash_key?: string;
  readonly publish_address?: string;
  readonly weights?: Weights;
  readonly filter?: NodeFilter;
  readonly refresh?: { readonly enabled?: boolean; readonly enable?: boolean };
  readonly retry_on_backend_failure: boolean;
  readonly retry_readonly_on_backend_failure: boolean;
  readonly retry_writes_on_backend_failure: boolean;
  readonly retry_on_backend_busy: boolean;
}

function yesOrNo(value: boolean, description: string): JsonSchema {
  return { type: 'boolean', default: value, description };
}

/** What INFINI Gateway needs to be told, and Evergate does by itself or not at all. */
function notHere(type: 'boolean' | 'string', description: string): JsonSchema {
  return { type, description, unsupported: 'has no effect here' };
}

const weight: JsonSchema = {
  type: 'integer',
  minimum: 0,
  description: 'Its share.',
  examples: [10],
};

const weights: JsonSchema = {
  description:
    'Shares of the requests by address, as a map or a list; 1 for a node not named, 0 for none.',
  examples: [{ '192.168.3.201:9200': 10 }, [{ host: '192.168.3.201:9200', weight: 10 }]],
  anyOf: [
    { type: 'object', additionalProperties: weight },
    {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['host', 'weight'],
        properties: {
          host: {
            type: 'string',
            description: 'Address of a node: host and port.',
            examples: ['192.168.3.201:9200'],
          },
          weight,
        },
      },
    },
  ],
};

type Weights =
  | Readonly<Record<string, number>>
  | readonly { readonly host: string; readonly weight: number }[];

function weightsOf(given: Weights): Readonly<Record<string, number>> {
  if (!Array.isArray(given)) return given as Readonly<Record<string, number>>;
  return Object.fromEntries(given.map(({ host, weight: share }) => [host, share]));
}

function lists(
  items: JsonSchema,
  what: string,
  example: unknown,
): Readonly<Record<string, JsonSchema>> {
  const examples = [[example]];
  const list = (description: string): JsonSchema => ({
    type: 'array',
    items,
    description,
    examples,
  });
  return {
    exclude: list(`Nodes ${what} are not used.`),
    include: list(`Only nodes ${what} are used.`),
  };
}

const nodeFilter: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'Which nodes of the cluster are used.',
  properties: {
    hosts: {
      type: 'object',
      additionalProperties: false,
      description: 'Choice by address.',
      examples: [{ exclude: ['192.168.3.201:9200'] }],
      properties: lists({ type: 'string' }, 'with these addresses', '192.168.3.201:9200'),
    },
    tags: {
      type: 'object',
      additionalProperties: false,
      description:
        'Choice by tag: an attribute of the node, which the cluster tells when it is discovered.',
      examples: [{ include: [{ disk: 'ssd' }] }],
      properties: lists({ type: 'object' }, 'with these tags', { disk: 'ssd' }),
    },
    roles: {
      type: 'object',
      additionalProperties: false,
      description: 'Choice by role, which the cluster tells when it is discovered.',
      examples: [{ exclude: ['master'] }],
      properties: lists({ type: 'string' }, 'with these roles', 'master'),
    },
  },
};

export default defineFilter<ElasticsearchParameters>({
  name: 'elasticsearch',
  summary: 'Forwards the request to a node of an Elasticsearch or OpenSearch cluster.',
  schema: {
    type: 'object',
    additionalProperties: false,
    required: ['elasticsearch'],
    properties: {
      elasticsearch: {
        type: 'string',
        references: 'cluster',
        description: 'Name of the cluster.',
        examples: ['prod'],
      },
      balancer: {
        type: 'string',
        enum: ['weight', 'least_in_flight', 'hash'],
        default: 'weight',
        description:
          'How the node is chosen: in turns by weight, the one with the fewest requests under way ' +
          'for its weight, or the one that "hash_key" belongs to.',
      },
      hash_key: {
        type: 'string',
        syntax: 'template',
        description:
          'What balancer: hash goes by: requests that have the same go to the same node, as long ' +
          'as it can be used.',
        examples: ['$[[_ctx.request.path]]'],
      },
      weights,
      filter: nodeFilter,
      publish_address: {
        type: 'string',
        minLength: 1,
        syntax: 'template',
        description:
          'Host and port to tell clients that ask for the nodes of the cluster (GET /_nodes/…), in ' +
          "place of every node's own, so that clients which sniff stay on the gateway. Nothing else " +
          'changes in the answer, JSON or YAML; a client that asks for CBOR or SMILE gets JSON.',
        examples: ['gateway.example.com:8000', '$[[_ctx.request.host]]'],
      },
      max_retry_times: {
        type: 'integer',
        minimum: 0,
        default: 5,
        description:
          'How many times a request is repeated at most. A node that cannot be reached is passed ' +
          'over for the next in any case. After a timeout, or an answer that is not HTTP, the ' +
          'request does not go to the same node again, and after a timeout to one other at most. ' +
          'No attempt begins later than 30 s, or "timeout" if that is longer, after the first.',
        examples: [3],
      },
      retry_on_backend_failure: yesOrNo(
        true,
        'Whether a request is repeated after a failure; the two parameters below say which.',
      ),
      retry_readonly_on_backend_failure: yesOrNo(
        true,
        'Whether requests that only read are repeated: GET, HEAD, and searches, counts and the ' +
          'like by POST, but no scrolling.',
      ),
      retry_writes_on_backend_failure: yesOrNo(
        false,
        'Whether other requests are repeated too, though the node may have carried them out: ' +
          'a document can be written twice.',
      ),
      retry_on_backend_busy: yesOrNo(
        false,
        'Whether a request is repeated that a node rejected with status 429.',
      ),
      fixed_client: notHere('boolean', 'How INFINI Gateway keeps its connections.'),
      client_mode: notHere('string', 'How INFINI Gateway keeps its connections.'),
      skip_available_check: notHere('boolean', 'Asks a cluster that is not available, too.'),
      check_cluster_health_when_not_available: notHere(
        'boolean',
        'Has a cluster that is not available checked.',
      ),
      skip_keep_original_uri: notHere('boolean', 'Leaves the URI changed after forwarding.'),
      refresh: {
        type: 'object',
        additionalProperties: false,
        description:
          'Following changes of the cluster, where "discovery" of the cluster is enabled.',
        properties: {
          enabled: {
            type: 'boolean',
            description:
              'Whether nodes that were discovered are used; if not, only those of the configuration.',
            examples: [false],
          },
          enable: { type: 'boolean', description: 'The same as enabled.' },
          interval: {
            type: ['string', 'number'],
            duration: true,
            description: 'How often to look.',
            examples: ['30s'],
            unsupported: 'has no effect: what the cluster\'s "discovery" finds is used at once',
          },
        },
      },
      ...forwardProperties,
      timeout: {
        type: ['string', 'number'],
        duration: true,
        noLimit: true,
        description:
          'How long a node may take until its response begins, and how long it may be silent within ' +
          'it unless read_timeout says otherwise; 0 for no limit. The request is broken off then. ' +
          'The "request_timeout" of the cluster when it is not given.',
        examples: ['10s'],
      },
    },
  },
  check({ balancer, hash_key }) {
    if ((balancer === 'hash') === (hash_key !== undefined)) return [];
    return balancer === 'hash'
      ? [{ path: ['balancer'], message: 'balancer: hash needs "hash_key"' }]
      : [{ path: ['hash_key'], message: '"hash_key" needs balancer: hash' }];
  },
  create(parameters, services) {
    const { weights: shares = {}, filter = {}, balancer, hash_key, refresh } = parameters;
    const key = hash_key === undefined ? null : services.template(hash_key);
    const named = services.cluster(parameters.elasticsearch);
    const timeout = parameters.timeout ?? named.requestTimeout;
    const cluster = named.view({
      balancer,
      weights: weightsOf(shares),
      filter,
      followsDiscovery: refresh?.enabled ?? refresh?.enable ?? true,
      connections: connectionsOf(parameters),
    });
    const options = forwardOptionsOf(
      { ...parameters, timeout },
      {
        host: 'node',
        tells: 'cluster and node',
        isRead: readsOfElasticsearch,
        hashKey: key && key.render,
        retry: {
          onFailure: parameters.retry_on_backend_failure,
          readsOnFailure: parameters.retry_readonly_on_backend_failure,
          writesOnFailure: parameters.retry_writes_on_backend_failure,
          onBusy: parameters.retry_on_backend_busy,
        },
      },
    );

    const { publish_address } = parameters;
    if (publish_address === undefined) {
      return function elasticsearch(context) {
        return cluster.forward(context, options);
      };
    }
    const published = services.template(publish_address);
    return async function elasticsearch(context) {
      const { request } = context;
      const rewrites = asksForTopology(request.method, request.path);
      const address = rewrites ? published.render(context) : '';
      if (rewrites) askForText(request);
      await cluster.forward(context, options);
      if (rewrites) await publishInstead(context, address);
    };
  },
});

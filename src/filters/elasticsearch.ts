import type { JsonSchema } from '../config/schema/schema.ts';
import { defineFilter } from '../flow/filter.ts';
import {
  connectionsOf,
  forwardOptionsOf,
  type ForwardParameters,
  forwardProperties,
} from '../upstream/parameters.ts';
import { readsOfElasticsearch } from '../upstream/retry.ts';

interface HostFilter {
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

interface ElasticsearchParameters extends ForwardParameters {
  readonly elasticsearch: string;
  readonly balancer: 'weight' | 'least_in_flight';
  readonly weights?: readonly { readonly host: string; readonly weight: number }[];
  readonly filter?: { readonly hosts?: HostFilter };
  readonly retry_on_backend_failure: boolean;
  readonly retry_readonly_on_backend_failure: boolean;
  readonly retry_writes_on_backend_failure: boolean;
  readonly retry_on_backend_busy: boolean;
}

function yesOrNo(value: boolean, description: string): JsonSchema {
  return { type: 'boolean', default: value, description };
}

function lists(items: JsonSchema, what: string): Readonly<Record<string, JsonSchema>> {
  const list = (description: string): JsonSchema => ({ type: 'array', items, description });
  return {
    exclude: list(`Nodes ${what} are not used.`),
    include: list(`Only nodes ${what} are used.`),
  };
}

const notDiscovered = 'has no effect yet: roles and tags of nodes are not known';

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
      properties: lists({ type: 'string' }, 'with these addresses'),
    },
    tags: {
      type: 'object',
      additionalProperties: false,
      description: 'Choice by tag.',
      unsupported: notDiscovered,
      properties: lists({ type: 'object' }, 'with these tags'),
    },
    roles: {
      type: 'object',
      additionalProperties: false,
      description: 'Choice by role.',
      unsupported: notDiscovered,
      properties: lists({ type: 'string' }, 'with these roles'),
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
        enum: ['weight', 'least_in_flight'],
        default: 'weight',
        description:
          'How the node is chosen: in turns by weight, or the one with the fewest requests ' +
          'under way for its weight.',
      },
      weights: {
        type: 'array',
        description: 'Shares of the requests; 1 for a node not named, 0 for none.',
        examples: [[{ host: '192.168.3.201:9200', weight: 10 }]],
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['host', 'weight'],
          properties: {
            host: { type: 'string', description: 'Address of a node: host and port.' },
            weight: { type: 'integer', minimum: 0, description: 'Its share.' },
          },
        },
      },
      filter: nodeFilter,
      max_retry_times: {
        type: 'integer',
        minimum: 0,
        default: 5,
        description:
          'How many times a request is repeated at most. A node that cannot be reached is passed ' +
          'over for the next in any case.',
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
      skip_metadata_enrich: {
        type: 'boolean',
        description: 'Leaves the X-* fields of the gateway out.',
        unsupported: 'has no effect: no such fields are added',
      },
      refresh: {
        type: 'object',
        additionalProperties: false,
        description: 'Following changes of the cluster.',
        unsupported: 'has no effect yet: nodes are those of the configuration',
        properties: {
          enabled: { type: 'boolean', description: 'Whether changes are followed.' },
          enable: { type: 'boolean', description: 'The same as enabled.' },
          interval: {
            type: ['string', 'number'],
            duration: 's',
            description: 'How often to look.',
            examples: ['30s'],
          },
        },
      },
      ...forwardProperties,
    },
  },
  create(parameters, services) {
    const { weights = [], filter, balancer } = parameters;
    const cluster = services.cluster(parameters.elasticsearch).view({
      balancer,
      weights: Object.fromEntries(weights.map(({ host, weight }) => [host, weight])),
      include: filter?.hosts?.include ?? [],
      exclude: filter?.hosts?.exclude ?? [],
      connections: connectionsOf(parameters),
    });
    const options = forwardOptionsOf(parameters, {
      host: 'node',
      isRead: readsOfElasticsearch,
      retry: {
        onFailure: parameters.retry_on_backend_failure,
        readsOnFailure: parameters.retry_readonly_on_backend_failure,
        writesOnFailure: parameters.retry_writes_on_backend_failure,
        onBusy: parameters.retry_on_backend_busy,
      },
    });

    return function elasticsearch(context) {
      return cluster.forward(context, options);
    };
  },
});

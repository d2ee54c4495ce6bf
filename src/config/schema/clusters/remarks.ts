import type { JsonSchema } from '../json-schema.ts';

const information = (
  description: string,
  type: 'string' | 'object' | 'array' | 'boolean',
  example: unknown,
): JsonSchema => ({
  type,
  description: `${description} It has no effect.`,
  examples: [example],
});

/** Keys of a cluster without effect: comments, and settings of INFINI Gateway. */
export const clusterRemarks: Readonly<Record<string, JsonSchema>> = {
  allow_access_when_master_not_found: {
    type: 'boolean',
    description: 'Forwards requests while the cluster has no master.',
    unsupported: 'has no effect: requests are always forwarded',
  },
  metadata_cache_enabled: {
    type: 'boolean',
    description: 'Caches metadata of the cluster.',
    unsupported: 'has no effect',
  },
  metadata_configs: {
    type: 'object',
    description: 'How often metadata of the cluster is refreshed.',
    unsupported: 'has no effect; see "discovery" and "health_check"',
  },
  monitored: {
    type: 'boolean',
    description: 'Whether the cluster is monitored.',
    unsupported: 'has no effect',
  },
  monitor_configs: {
    type: 'object',
    description: 'Settings of the monitoring.',
    unsupported: 'has no effect',
  },
  token: {
    type: 'string',
    secret: true,
    description: 'Access token of Easysearch.',
    unsupported: 'has no effect: requests of the gateway itself carry "basic_auth" only',
  },
  agent_basic_auth: {
    type: 'object',
    secret: true,
    description: 'User and password for agents of INFINI Console.',
    unsupported: 'has no effect: there are no agents',
  },
  no_default_auth_for_agent: {
    type: 'boolean',
    description: 'Whether agents of INFINI Console need a user of their own.',
    unsupported: 'has no effect: there are no agents',
  },
  http_proxy: {
    type: 'string',
    secret: true,
    description: 'HTTP proxy on the way to the cluster.',
    refused: 'is not supported: nodes are connected to directly',
  },
  client_mode: {
    type: 'string',
    description: 'How INFINI Gateway pools connections.',
    unsupported: 'has no effect',
  },
  orm: {
    type: 'object',
    description: 'Where INFINI Gateway stores objects of its own.',
    unsupported: 'has no effect',
  },
  description: information('Comment on the cluster.', 'string', 'orders'),
  cluster_uuid: information('UUID of the cluster.', 'string', 'uDwOPKNpSMmQ3RXJIDGqRw'),
  reserved: information('Whether INFINI Console protects it from deletion.', 'boolean', true),
  version: information('Version of the cluster.', 'string', '8.15.0'),
  distribution: information(
    'Distribution, such as elasticsearch or opensearch.',
    'string',
    'elasticsearch',
  ),
  project: information('Project that the cluster belongs to.', 'string', 'shop'),
  location: {
    type: 'object',
    description: 'Location of the cluster. It has no effect.',
    additionalProperties: false,
    properties: {
      provider: information('Provider.', 'string', 'own'),
      region: information('Region.', 'string', 'eu-central'),
      dc: information('Data centre.', 'string', 'fra1'),
      rack: information('Rack.', 'string', 'r12'),
    },
  },
  labels: information('Labels of the cluster.', 'object', { team: 'search' }),
  tags: information('Tags of the cluster.', 'array', ['production']),
};

import type { JsonSchema } from '../json-schema.ts';

const information = (
  description: string,
  type: 'string' | 'object' | 'array' | 'boolean',
  example: unknown,
): JsonSchema => ({
  type,
  description: `${description} For your information only: it changes nothing.`,
  examples: [example],
});

/** What may be written of a cluster and changes nothing: remarks, and keys without effect here. */
export const clusterRemarks: Readonly<Record<string, JsonSchema>> = {
  allow_access_when_master_not_found: {
    type: 'boolean',
    description: 'Goes on forwarding while the cluster has no master.',
    unsupported: 'has no effect: requests are always forwarded',
  },
  metadata_cache_enabled: {
    type: 'boolean',
    description: 'Keeps what is known of the cluster in memory.',
    unsupported: 'has no effect',
  },
  metadata_configs: {
    type: 'object',
    description: 'How often what is known of the cluster is asked for anew.',
    unsupported: 'has no effect; see "discovery" and "health_check"',
  },
  monitored: {
    type: 'boolean',
    description: 'Whether the cluster is monitored.',
    unsupported: 'has no effect',
  },
  monitor_configs: {
    type: 'object',
    description: 'What of the cluster is monitored.',
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
    description: 'How INFINI Gateway keeps its connections.',
    unsupported: 'has no effect',
  },
  orm: {
    type: 'object',
    description: 'Where INFINI Gateway keeps objects of its own.',
    unsupported: 'has no effect',
  },
  description: information('What the cluster is for, in words.', 'string', 'orders'),
  cluster_uuid: information('UUID of the cluster.', 'string', 'uDwOPKNpSMmQ3RXJIDGqRw'),
  reserved: information('Whether INFINI Console keeps it from being deleted.', 'boolean', true),
  version: information('Version of the cluster.', 'string', '8.15.0'),
  distribution: information('What the cluster runs.', 'string', 'elasticsearch'),
  project: information('Project that the cluster belongs to.', 'string', 'shop'),
  location: {
    type: 'object',
    description: 'Where the cluster stands. For your information only: it changes nothing.',
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

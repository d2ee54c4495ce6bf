import type { JsonSchema } from './json-schema.ts';

function duration(description: string, byDefault: string, example: string): JsonSchema {
  return {
    type: ['string', 'number'],
    duration: true,
    description,
    default: byDefault,
    examples: [example],
  };
}

export const supervisionSchema: JsonSchema = {
  type: 'object',
  description: 'How the primary process and its workers supervise each other.',
  additionalProperties: false,
  default: {},
  properties: {
    heartbeat_timeout: {
      ...duration(
        'A worker that sends no heartbeat for this long is killed and replaced: its event loop is blocked, or the process is stopped. Time spent waiting for a processor does not count. After three seconds, or half of this, /readyz ignores the worker. 0 disables this.',
        '15s',
        '30s',
      ),
      noLimit: true,
    },
    orphan_timeout: duration(
      'How long workers keep serving after the primary has died, unless a new primary with the same path.data replaces them. Then they drain and exit. 0: they drain at once.',
      '5m',
      '1m',
    ),
    max_draining_generations: {
      type: 'integer',
      minimum: 1,
      description:
        'Maximum number of generations of replaced workers that continue for WebSockets, event streams and long transfers. Above it, the oldest generation closes its connections: WebSockets get a close frame (1001), others are aborted.',
      default: 32,
      examples: [8],
    },
    max_draining_memory: {
      type: ['string', 'number'],
      bytes: true,
      description:
        'Maximum resident memory of all replaced workers together, with the same effect. 0: a quarter of the memory that the gateway may use.',
      default: 0,
      examples: ['1gb'],
    },
    shutdown_delay: duration(
      'How long a stopping gateway still accepts connections while /readyz already responds with 503. Load balancers and Kubernetes can thus remove it before its ports close.',
      '0s',
      '10s',
    ),
  },
};

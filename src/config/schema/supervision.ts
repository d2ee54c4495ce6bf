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
  description: 'How the primary process and its workers look after each other.',
  additionalProperties: false,
  default: {},
  properties: {
    heartbeat_timeout: {
      ...duration(
        'A worker that gives no sign of life for this long is killed and replaced: its event loop is blocked, or the process is stopped. Time for which the worker waits for a processor does not count. After three seconds, or half of this, /readyz no longer counts the worker. 0 switches it off.',
        '15s',
        '30s',
      ),
      noLimit: true,
    },
    orphan_timeout: duration(
      'How long workers go on serving after the primary has died, until a new primary with the same path.data takes their place. Then they drain and end. 0: at once.',
      '5m',
      '1m',
    ),
    max_draining_generations: {
      type: 'integer',
      minimum: 1,
      description:
        'How many generations of replaced workers may live on for their WebSockets, event streams and long transfers. With one more, the oldest ends its own: WebSockets get a close frame (1001), the rest is broken off.',
      default: 32,
      examples: [8],
    },
    max_draining_memory: {
      type: ['string', 'number'],
      bytes: true,
      description:
        'The same limit for the resident memory of all replaced workers together. 0: a quarter of the memory that the gateway may use.',
      default: 0,
      examples: ['1gb'],
    },
    shutdown_delay: duration(
      'How long the gateway goes on accepting connections when it is told to stop, while /readyz answers 503 already: so load balancers and Kubernetes take it out before its ports close.',
      '0s',
      '10s',
    ),
  },
};

import type { JsonSchema } from './json-schema.ts';

/** `id`, which INFINI Console writes beside a name. */
export function identifier(what: string): JsonSchema {
  return {
    type: 'string',
    description: `Another name for the ${what}; references may use either. There is none by default.`,
    examples: ['d1fk2p3v50l7'],
  };
}

/** `host` and `port` to listen on, with their defaults. */
export function hostAndPort(host: string, port: number): Record<'host' | 'port', JsonSchema> {
  return {
    host: {
      type: 'string',
      minLength: 1,
      description:
        'Address to listen on: an IPv4 or IPv6 address, or a host name. Give "host" and "port", or "binding".',
      default: host,
      examples: ['192.168.3.10'],
    },
    port: {
      type: 'integer',
      minimum: 0,
      maximum: 65535,
      description: 'Port to listen on; 0 lets the system choose a free one.',
      default: port,
      examples: [port],
    },
  };
}

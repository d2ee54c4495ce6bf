import { limits } from './limits.ts';
import { tls } from './tls.ts';
import { hostAndPort } from '../shared-properties.ts';
import type { JsonSchema } from '../json-schema.ts';

const network: JsonSchema = {
  type: 'object',
  description: 'Where the entry listens.',
  additionalProperties: false,
  default: {},
  properties: {
    ...hostAndPort('0.0.0.0', 8000),
    binding: {
      type: 'string',
      description:
        'Address and port to listen on, as one text. An IPv6 address stands in brackets, perhaps with a zone; ":8000" means every address, IPv4 and IPv6. When neither this nor "host" nor "port" is given, 0.0.0.0:8000.',
      examples: ['0.0.0.0:8000', '[::]:8000', '[fe80::1%eth0]:8000', ':8000'],
    },
    publish: {
      type: 'string',
      description:
        'Address and port by which the outside reaches this entry, when that is another than the one listened to.',
      examples: ['192.168.3.10:8000'],
    },
    reuse_port: {
      type: 'boolean',
      description:
        'Lets several gateway processes listen on the same address at once (SO_REUSEPORT); the system spreads connections over them, and over the workers of each. With false all workers accept from one socket, where the one that is free first takes a connection: fewer workers may get more of them. Defaults to false when "skip_occupied_port" is true.',
      default: true,
      examples: [false],
    },
    skip_occupied_port: {
      type: 'boolean',
      description:
        'When the port is taken, listens on the next free one; log and status say which. Cannot be combined with "reuse_port".',
      default: false,
      examples: [true],
    },
    proxy_protocol: {
      type: 'boolean',
      description:
        'Whether every connection begins with a PROXY protocol header (version 1 or 2) that tells the client\'s address. Only the proxies in "trusted_addresses" may connect then.',
      default: false,
      examples: [true],
    },
  },
};

const drain: JsonSchema = {
  type: 'object',
  description: 'How connections end when a worker is replaced.',
  additionalProperties: false,
  default: {},
  properties: {
    idle: {
      type: ['string', 'number'],
      duration: true,
      description:
        'How long a worker that is being replaced keeps a quiet connection, after its last activity. A client that asks regularly, with pauses of up to one and a half times as long, is waited for until its next request is late.',
      default: '5s',
      examples: ['10s'],
    },
    timeout: {
      type: ['string', 'number'],
      duration: true,
      description:
        'When a worker that has to go ends the connections that it still has. Default: when the gateway stops, after 60s; when a reload or an upgrade replaces the worker, never, so that WebSockets, event streams and long transfers live on in it. How many such workers there may be is limited by "supervision.max_draining_generations" and "supervision.max_draining_memory".',
      examples: ['5m'],
    },
  },
};

/** A key that configurations for INFINI Gateway may have. */
function withoutEffect(type: 'boolean' | 'integer', description: string): JsonSchema {
  return { type, description, unsupported: 'has no effect here' };
}

export const entrySchema: JsonSchema = {
  type: 'array',
  description: 'Service entries: the addresses at which the gateway takes requests.',
  examples: [[{ name: 'es_gateway', router: 'default', network: { binding: '0.0.0.0:8000' } }]],
  items: {
    type: 'object',
    description: 'One service entry.',
    additionalProperties: false,
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        minLength: 1,
        description: 'Name of the entry, in logs and status.',
        examples: ['es_gateway'],
      },
      id: {
        type: 'string',
        description: 'Identifier that INFINI Console gives. For your information only.',
        examples: ['d1fk2p3v50l7'],
      },
      enabled: {
        type: 'boolean',
        description: 'Whether the entry listens at all.',
        default: true,
        examples: [false],
      },
      max_concurrency: {
        type: 'integer',
        minimum: 1,
        description:
          'Connections at one time, over all workers, also those that are being replaced. A client above that gets 503 at once, with Retry-After, and is closed. When file descriptors (RLIMIT_NOFILE) run out before, clients that wait idle are closed to make room.',
        default: 10_000,
        examples: [2000],
      },
      router: {
        type: 'string',
        minLength: 1,
        references: 'router',
        description: 'Name of the router that its requests go to.',
        default: 'default',
        examples: ['my_router'],
      },
      network,
      tls,
      drain,
      forwarded: {
        type: 'string',
        enum: ['append', 'replace', 'off'],
        description:
          'What becomes of X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host and Forwarded. "replace": the gateway sets them anew, but adds to those of a client in "trusted_addresses"; "append": it adds to whatever a client sends; "off": they pass as they come. By what it adds to Forwarded the entry also finds requests that come back to it, which get 508.',
        default: 'replace',
        examples: ['append'],
      },
      trusted_addresses: {
        type: 'array',
        items: { type: 'string', syntax: 'network' },
        description:
          'The proxies in front of this entry that may name the client: addresses, CIDR blocks, or names such as private and loopback.',
        default: [],
        examples: [['10.0.0.0/8', '192.168.3.10'], ['private']],
      },
      ...limits,
      dirty_shutdown: withoutEffect('boolean', 'Whether connections are cut off at the end.'),
      skip_reduce_memory: withoutEffect('boolean', 'Whether more memory is used for more speed.'),
      read_buffer_size: withoutEffect('integer', 'Bytes of the buffer for what a client sends.'),
      write_buffer_size: withoutEffect('integer', 'Bytes of the buffer for what a client gets.'),
      max_idle_worker_duration_in_seconds: withoutEffect(
        'integer',
        'How long a thread without work is kept.',
      ),
      sleep_when_concurrency_limits_exceeded_in_seconds: withoutEffect(
        'integer',
        'How long a connection above `max_concurrency` waits.',
      ),
    },
  },
};

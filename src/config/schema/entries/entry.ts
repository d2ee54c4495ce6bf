import { limits } from './limits.ts';
import { tls } from './tls.ts';
import { hostAndPort } from '../shared-properties.ts';
import type { JsonSchema } from '../json-schema.ts';

const network: JsonSchema = {
  type: 'object',
  description: 'Address that the entry listens on.',
  additionalProperties: false,
  default: {},
  properties: {
    ...hostAndPort('0.0.0.0', 8000),
    binding: {
      type: 'string',
      description:
        'Address and port to listen on, as one text. An IPv6 address needs brackets and may have a zone; ":8000" means every address, IPv4 and IPv6. The default is 0.0.0.0:8000, or "host" and "port" if one of them is given.',
      examples: ['0.0.0.0:8000', '[::]:8000', '[fe80::1%eth0]:8000', ':8000'],
    },
    publish: {
      type: 'string',
      description:
        'Address and port at which clients reach this entry, if they differ from those it listens on.',
      examples: ['192.168.3.10:8000'],
    },
    reuse_port: {
      type: 'boolean',
      description:
        'Allows several gateways to listen on the same address (SO_REUSEPORT); the kernel distributes connections over them and over the workers of each. With false all workers accept from one socket, so that idle workers get more connections. The default is false if "skip_occupied_port" is true.',
      default: true,
      examples: [false],
    },
    skip_occupied_port: {
      type: 'boolean',
      description:
        'Listens on the next free port if the port is in use; log and status show it. Cannot be combined with "reuse_port".',
      default: false,
      examples: [true],
    },
    proxy_protocol: {
      type: 'boolean',
      description:
        'Expects a PROXY protocol header (version 1 or 2) with the client\'s address at the beginning of every connection. Only the proxies in "trusted_addresses" may connect then.',
      default: false,
      examples: [true],
    },
  },
};

const drain: JsonSchema = {
  type: 'object',
  description: 'How a worker that is replaced closes its connections.',
  additionalProperties: false,
  default: {},
  properties: {
    idle: {
      type: ['string', 'number'],
      duration: true,
      description:
        'How long a draining worker keeps an idle connection after its last activity. It keeps the connection of a client that sends requests regularly, with pauses of up to one and a half times this, until the next request is overdue.',
      default: '5s',
      examples: ['10s'],
    },
    timeout: {
      type: ['string', 'number'],
      duration: true,
      description:
        'Time after which a draining worker closes its remaining connections. Default: 60s when the gateway stops; no limit when a reload or an upgrade replaces the worker, so that WebSockets, event streams and long transfers continue. "supervision.max_draining_generations" and "supervision.max_draining_memory" limit the number of such workers.',
      examples: ['5m'],
    },
  },
};

/** A key of INFINI Gateway that has no effect here. */
function withoutEffect(type: 'boolean' | 'integer', description: string): JsonSchema {
  return { type, description, unsupported: 'has no effect here' };
}

export const entrySchema: JsonSchema = {
  type: 'array',
  description: 'Service entries: the addresses at which the gateway accepts requests.',
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
        description: 'Identifier that INFINI Console assigns. It has no effect.',
        examples: ['d1fk2p3v50l7'],
      },
      enabled: {
        type: 'boolean',
        description: 'Enables the entry. A disabled entry does not listen.',
        default: true,
        examples: [false],
      },
      max_concurrency: {
        type: 'integer',
        minimum: 1,
        description:
          'Maximum number of open connections, over all workers, including draining ones. Further clients get 503 with Retry-After, and their connections are closed. If file descriptors (RLIMIT_NOFILE) run out earlier, idle connections are closed to make room.',
        default: 10_000,
        examples: [2000],
      },
      router: {
        type: 'string',
        minLength: 1,
        references: 'router',
        description: 'Name of the router for the requests of this entry.',
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
          'How the headers X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host and Forwarded are set. "replace": the gateway replaces them, but appends to those of a client in "trusted_addresses"; "append": it appends to those of any client; "off": it forwards them unchanged. The entry also detects by its own element in Forwarded that a request returns to it, and answers with 508.',
        default: 'replace',
        examples: ['append'],
      },
      trusted_addresses: {
        type: 'array',
        items: { type: 'string', syntax: 'network' },
        description:
          'Proxies in front of this entry whose information about the client is trusted: addresses, CIDR blocks, or names such as private and loopback.',
        default: [],
        examples: [['10.0.0.0/8', '192.168.3.10'], ['private']],
      },
      ...limits,
      dirty_shutdown: withoutEffect('boolean', 'Whether connections are closed without a drain.'),
      skip_reduce_memory: withoutEffect('boolean', 'Whether more memory is used for more speed.'),
      read_buffer_size: withoutEffect('integer', 'Bytes of the buffer for requests.'),
      write_buffer_size: withoutEffect('integer', 'Bytes of the buffer for responses.'),
      max_idle_worker_duration_in_seconds: withoutEffect(
        'integer',
        'How long an idle thread is kept.',
      ),
      sleep_when_concurrency_limits_exceeded_in_seconds: withoutEffect(
        'integer',
        'How long a connection above `max_concurrency` waits.',
      ),
    },
  },
};

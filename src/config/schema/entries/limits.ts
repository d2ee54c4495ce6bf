import type { JsonSchema } from '../json-schema.ts';

function duration(description: string, byDefault: string, example: string): JsonSchema {
  return {
    type: ['string', 'number'],
    duration: true,
    noLimit: true,
    description,
    default: byDefault,
    examples: [example],
  };
}

function size(description: string, byDefault: string | number, example: string): JsonSchema {
  return {
    type: ['string', 'number'],
    bytes: true,
    noLimit: true,
    description,
    default: byDefault,
    examples: [example],
  };
}

function count(description: string, byDefault: number, example: number): JsonSchema {
  return {
    type: 'integer',
    minimum: 0,
    noLimit: true,
    description,
    default: byDefault,
    examples: [example],
  };
}

/** Limits on the resources that one client can use at an entry. */
export const limits: Readonly<Record<string, JsonSchema>> = {
  head_timeout: duration(
    'Maximum time to receive the head of a request; 408 after that. 0 for no limit.',
    '20s',
    '10s',
  ),
  request_timeout: duration(
    'Maximum time to receive a whole request, including its body; 408 after that. 0 for no limit.',
    '1h',
    '5m',
  ),
  read_timeout: duration(
    'Maximum time between two parts of a request body while the gateway waits for it; 408 after that. 0 for no limit. ("head_timeout" applies to the head.) A client that closes its side of the connection after its request, as `nc -N` does, still gets the response, if it reads some of it within this time.',
    '30s',
    '10s',
  ),
  write_timeout: duration(
    'Maximum time in which a client reads nothing of a pending response; the connection is closed after that. 0 for no limit.',
    '30s',
    '1m',
  ),
  idle_timeout: duration(
    'How long a keep-alive connection may wait for its next request. 0 for no limit.',
    '75s',
    '30s',
  ),
  disable_tcp_keepalive: {
    type: 'boolean',
    description: 'Disables TCP keep-alive probes.',
    default: false,
    examples: [true],
  },
  tcp_keepalive_in_seconds: {
    type: ['string', 'number'],
    duration: true,
    description:
      'Idle time after which a TCP keep-alive probe checks whether the client still exists.',
    default: '15m',
    examples: ['60s'],
  },
  max_header_size: {
    type: ['string', 'number'],
    bytes: true,
    description: 'Maximum size of the request line and the headers; 431 above that.',
    default: '32kb',
    examples: ['16kb'],
  },
  max_header_count: count(
    'Maximum number of headers of a request; 431 above that. 0 for no limit.',
    200,
    100,
  ),
  max_request_body_size: size(
    'Maximum size of a request body; 413 above that. There is no limit by default, because bodies are streamed.',
    0,
    '200mb',
  ),
  max_inflight_request_size: size(
    'Maximum memory of a worker for bodies that filters and conditions read: of requests and responses, decompressed bodies, and values made from them; 503 above that. All entries of a worker share the largest of these limits, which is at most half of the memory of the machine, or of the control group, for each worker. 0 for no limit.',
    '512mb',
    '1gb',
  ),
  max_requests_per_connection: count(
    'Number of requests after which a connection is closed; the last response announces it. 0 for no limit.',
    0,
    10_000,
  ),
  max_conns_per_ip: count(
    'Maximum number of open connections of one client address, over all workers; 429 above that. 0 for no limit.',
    0,
    100,
  ),
};

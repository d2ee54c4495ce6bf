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

/** What one client may take up at an entry. */
export const limits: Readonly<Record<string, JsonSchema>> = {
  head_timeout: duration(
    'Time to receive the whole head of a request; 408 after that. 0 for no limit.',
    '20s',
    '10s',
  ),
  request_timeout: duration(
    'Time to receive a whole request, its body included; 408 after that. 0 for no limit.',
    '1h',
    '5m',
  ),
  read_timeout: duration(
    'Longest silence within the body of a request that is waited for; 408 after that. 0 for no limit. (The head has head_timeout.) A client that ends its side of the connection together with its request, as `nc -N` does, is answered as long as it takes some of its answer in this time.',
    '30s',
    '10s',
  ),
  write_timeout: duration(
    'Longest time that a client may take nothing at all of a response that waits for it; the connection is closed after that. 0 for no limit.',
    '30s',
    '1m',
  ),
  idle_timeout: duration(
    'How long a kept connection waits for its next request. 0 for no limit.',
    '75s',
    '30s',
  ),
  disable_tcp_keepalive: {
    type: 'boolean',
    description: 'Does not probe quiet connections for whether the client is still there.',
    default: false,
    examples: [true],
  },
  tcp_keepalive_in_seconds: {
    type: ['string', 'number'],
    duration: true,
    description:
      'Quiet time after which a connection is probed for whether the client is still there.',
    default: '15m',
    examples: ['60s'],
  },
  max_header_size: {
    type: ['string', 'number'],
    bytes: true,
    description:
      'Bytes that the head of a request may have, its first line included; 431 above that.',
    default: '32kb',
    examples: ['16kb'],
  },
  max_header_count: count(
    'Header fields that a request may have; 431 above that. 0 for no limit.',
    200,
    100,
  ),
  max_request_body_size: size(
    'Bytes that the body of a request may have; 413 above that. No limit by default, because bodies pass through without being held in memory.',
    0,
    '200mb',
  ),
  max_inflight_request_size: size(
    'Bytes of bodies that each worker holds in memory at one time, for filters and conditions that read bodies: of requests, of responses, decompressed, and what is made of them; 503 above that. All entries of a worker share the largest of these limits, which is at most half of the memory that the machine, or the control group, gives to each worker. 0 for no limit.',
    '512mb',
    '1gb',
  ),
  max_requests_per_connection: count(
    'Requests after which a connection is closed, announced in the last response. 0 for no limit.',
    0,
    10_000,
  ),
  max_conns_per_ip: count(
    'Connections that one client address may have at one time, over all workers; 429 above that. 0 for no limit.',
    0,
    100,
  ),
};

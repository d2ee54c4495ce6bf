import type { JsonSchema } from '../../config/schema/json-schema.ts';
import type { ConnectionSettings } from '../../cluster/transport/transport.ts';
import type { ForwardOptions, RetryPolicy } from '../../cluster/cluster.ts';

/** Parameters that every filter which forwards to nodes has in common. */
export interface ForwardParameters {
  readonly max_connection_per_node: number;
  readonly max_response_size: number;
  readonly max_retry_times: number;
  readonly retry_delay_in_ms: number;
  readonly max_conn_wait_timeout: number;
  readonly max_idle_conn_duration: number;
  readonly max_conn_duration: number;
  readonly timeout: number;
  readonly read_timeout: number;
  readonly dial_timeout: number;
  readonly tls_insecure_skip_verify?: boolean;
  readonly via?: string;
  readonly on_failure: 'continue' | 'end';
  readonly skip_metadata_enrich: boolean;
}

function duration(value: string, description: string, noLimit = false): JsonSchema {
  return {
    type: ['string', 'number'],
    duration: true,
    ...(noLimit && { noLimit }),
    default: value,
    description,
    examples: ['500ms', '1m'],
  };
}

/** Schemas of `ForwardParameters`, and of what is accepted beside them without effect. */
export const forwardProperties: Readonly<Record<string, JsonSchema>> = {
  max_connection_per_node: {
    type: 'integer',
    minimum: 1,
    default: 5000,
    description:
      'Connections that each worker opens to one node at most. While half of them are in use, an ' +
      'upload takes one only when 16 KB of it, or all, has come.',
    examples: [100],
  },
  max_response_size: {
    type: ['integer', 'string'],
    bytes: true,
    noLimit: true,
    default: 0,
    description:
      'Bytes that the body of a response may have, 0 for no limit: bodies are passed on as they ' +
      'come, and a large one takes no more memory than a small one.',
    examples: ['100mb'],
  },
  retry_delay_in_ms: {
    type: 'integer',
    minimum: 0,
    default: 1000,
    description: 'Milliseconds before a node is tried again; another node is tried at once.',
    examples: [100],
  },
  max_conn_wait_timeout: duration(
    '30s',
    'How long a request waits for a connection when all that are allowed are in use.',
  ),
  max_idle_conn_duration: duration('30s', 'How long an unused connection is kept.'),
  max_conn_duration: duration(
    '0s',
    'Age from which a connection takes no further request; 0 for no limit.',
    true,
  ),
  timeout: duration(
    '30s',
    'How long a node may take until its response begins, and how long it may be silent within it ' +
      'unless read_timeout says otherwise; 0 for no limit. The request is broken off then.',
    true,
  ),
  read_timeout: duration(
    '0s',
    'How long a node may be silent within a response; 0 for the same as timeout.',
    true,
  ),
  dial_timeout: duration(
    '3s',
    'How long connecting to a node may take; resolving its name is not counted and may take 5 s.',
  ),
  tls_insecure_skip_verify: {
    type: 'boolean',
    description:
      'Whether a node is accepted whatever certificate it has, for https. When absent, "tls" decides: ' +
      'nodes are verified exactly if a file of authorities is given, as INFINI Gateway does.',
    examples: [false],
  },
  via: {
    type: 'string',
    pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z:-]+$",
    description:
      'Name of the gateway to add to the Via field of requests and responses. When absent no such ' +
      'field is added: many servers do not compress what goes through a proxy that shows itself. ' +
      'A request whose Via has the name already has come in a circle, and gets 508: no two ' +
      'gateways in a row may have the same.',
    examples: ['edge'],
  },
  skip_metadata_enrich: {
    type: 'boolean',
    default: false,
    description:
      'Leaves the fields out that tell clients where a response came from: X-Backend-Cluster (of ' +
      'the elasticsearch filter), X-Backend-Server with the address of the node, and ' +
      'X-Retry-Times if the request was repeated. Set it where clients must not learn addresses. ' +
      'X-Forwarded-* of requests follow "forwarded" of the entry.',
    examples: [true],
  },
  on_failure: {
    type: 'string',
    enum: ['continue', 'end'],
    default: 'continue',
    description:
      'What becomes of a request that no node has answered. With "continue" the failure is a ' +
      'response, with status 502, 503 or 504 and the error as JSON, and the filters after this ' +
      'one run: they can change it, or ask another cluster. With "end" the client gets that ' +
      'response at once.',
  },
  write_timeout: {
    type: ['string', 'number'],
    duration: true,
    noLimit: true,
    description: 'Limit for sending a request.',
    unsupported: 'has no effect: a node that does not take a request in time runs into timeout',
  },
  skip_cleanup_hop_headers: {
    type: 'boolean',
    description: 'Passes the fields on that concern one connection only.',
    unsupported: 'has no effect: such fields are never passed on, for they would break framing',
  },
  read_buffer_size: {
    type: ['integer', 'string'],
    bytes: true,
    description: 'Bytes read at a time.',
    unsupported: 'has no effect: buffers are sized by themselves',
  },
  write_buffer_size: {
    type: ['integer', 'string'],
    bytes: true,
    description: 'Bytes written at a time.',
    unsupported: 'has no effect: buffers are sized by themselves',
  },
};

export function connectionsOf(parameters: Omit<ForwardParameters, 'timeout'>): ConnectionSettings {
  return {
    connectTimeout: parameters.dial_timeout,
    maxConnections: parameters.max_connection_per_node,
    waitTimeout: parameters.max_conn_wait_timeout,
    idleTimeout: parameters.max_idle_conn_duration,
    maxAge: parameters.max_conn_duration,
    tlsInsecureSkipVerify: parameters.tls_insecure_skip_verify ?? null,
    tls: null,
    allowH2: false,
  };
}

export function forwardOptionsOf(
  parameters: ForwardParameters,
  rest: Pick<ForwardOptions, 'host' | 'isRead' | 'tells'> & {
    readonly hashKey?: ForwardOptions['hashKey'];
    readonly retry: Omit<RetryPolicy, 'maxTimes' | 'delay'>;
  },
): ForwardOptions {
  return {
    headTimeout: parameters.timeout,
    bodyTimeout: parameters.read_timeout || parameters.timeout,
    maxResponseSize: parameters.max_response_size,
    via: parameters.via === undefined ? null : `1.1 ${parameters.via}`,
    failure: parameters.on_failure === 'end' ? 'error' : 'response',
    tells: parameters.skip_metadata_enrich ? 'nothing' : rest.tells,
    host: rest.host,
    isRead: rest.isRead,
    hashKey: rest.hashKey ?? null,
    retry: {
      ...rest.retry,
      maxTimes: parameters.max_retry_times,
      delay: parameters.retry_delay_in_ms,
    },
  };
}

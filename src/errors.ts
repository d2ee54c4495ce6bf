/** What the catalogue says of one error: a message template and how it is rendered. */
interface Definition {
  /** `{name}` is filled from the details given where the error is thrown. */
  readonly message: string;
  /** HTTP status a client sees when the error ends a request; 500 when absent. */
  readonly status?: number;
  /** What a client is told where the message names internals; the message when absent. */
  readonly shown?: string;
  /** Exit code when the error ends the program; 1 when absent. */
  readonly exit?: number;
}

/**
 * Every error the gateway raises by itself. An error is thrown once, with a code from here, and
 * rendered once: to a client by entry/, to a terminal by the command line, to the log by primary/.
 */
const catalogue = {
  // Command line
  USAGE: { message: '{reason}', exit: 2 },
  NODE_TOO_OLD: {
    message: 'evergate needs Node.js {required} or newer; this is {actual}',
    exit: 2,
  },
  NOT_RUNNING: { message: 'no gateway answers on {path}: {reason}' },
  TOO_FEW_DESCRIPTORS: {
    message: 'RLIMIT_NOFILE is {limit} file descriptors; a gateway needs at least {needed}',
  },
  ALREADY_RUNNING: {
    message:
      'another gateway (process {pid}) uses {path}; it is left alone. Two gateways need a path.data, and a pid file, each',
  },
  DATA_UNUSABLE: { message: 'the folder path.data, {path}, cannot be used: {reason}' },
  PID_FILE_FAILED: { message: 'cannot write the pid file {path}: {reason}' },
  CHANGE_REFUSED: {
    message: 'the {what} was {outcome}; the gateway goes on as it was\n{problems}',
  },
  CONTROL_FAILED: { message: 'the control request failed: {reason}' },

  // A configuration change
  CONFIG_INVALID: { message: 'the configuration has {count}', exit: 2 },
  CONFIG_UNREADABLE: { message: 'cannot read {path}: {reason}', exit: 2 },
  BIND_FAILED: { message: '{who} cannot listen on {address}: {reason}' },
  CERTIFICATE_FAILED: { message: 'cannot make a certificate in {path}: {reason}' },
  WORKER_NOT_READY: { message: 'worker {slot} did not become ready: {reason}' },
  WORKER_CRASH_LOOP: { message: 'workers keep crashing while the gateway starts: {reason}' },
  PROGRAM_REPLACED: {
    message:
      'version {installed} is installed now, and {running} runs; "evergate upgrade" has it taken up',
  },
  ROLLOUT_FAILED: { message: 'generation {generation} was rolled back: {reason}' },

  // A request
  REQUEST_MALFORMED: { message: 'malformed request: {reason}', status: 400 },
  REQUEST_TIMEOUT: { message: 'the request did not arrive in time', status: 408 },
  BODY_TOO_LARGE: { message: 'the body exceeds {limit} bytes', status: 413 },
  METHOD_NOT_ALLOWED: { message: 'method {method} is not served', status: 405 },
  EXPECTATION_FAILED: { message: 'the expectation cannot be met', status: 417 },
  HEAD_TOO_LARGE: { message: 'the request head is too large', status: 431 },
  ROUTE_NOT_FOUND: { message: 'NOT FOUND', status: 404 },
  LOOP_DETECTED: {
    message: 'the request has come through this gateway before: a node leads back to it',
    status: 508,
  },
  FLOWS_ENDLESS: {
    message:
      'the request has run through 100 flows, the last of them "{flow}"; they run each other',
    status: 508,
    shown: 'the flows of the gateway run each other without end',
  },
  REQUEST_UNANSWERED: {
    message:
      'no filter has answered the request: none forwards it, sets a response or drops it, or no condition fits',
    status: 404,
    shown: 'no filter of the flow has answered the request',
  },
  CLIENT_GONE: { message: 'the client went away', status: 499 },
  TOO_MANY_CONNECTIONS_OF_CLIENT: {
    message: 'too many connections from this address',
    status: 429,
  },
  TOO_MUCH_IN_FLIGHT: {
    message: 'bodies in memory exceed {limit} bytes',
    status: 503,
    shown: 'too many bodies are held in memory',
  },
  TOO_MANY_CONNECTIONS: { message: 'too many connections', status: 503 },
  JSON_VALUE_TOO_LARGE: {
    message: 'an object or list of JSON that is to become a value exceeds {limit} bytes',
    status: 413,
  },
  TEXT_TOO_LONG: {
    message: 'a text of more than {limit} characters is not looked through by a regular expression',
    status: 413,
  },
  TOO_BUSY: {
    message: 'too much work waits for a thread, or takes too long there',
    status: 503,
    shown: 'too busy',
  },
  RESPONSE_TOO_LARGE: {
    message: 'the response exceeds {limit} bytes',
    status: 502,
  },
  RESPONSE_MALFORMED: { message: 'malformed response: {reason}', status: 502 },
  PARAMETER_INVALID: { message: '{reason}', exit: 2 },
  BODY_SENT: {
    message:
      'the request body was sent on already; what reads it, or sends it again, must stand in the same flow',
    status: 500,
  },
  BODY_NOT_KEPT: {
    message:
      'the request body cannot be sent a second time: it has more bytes than are kept of it, which are {limit} (body_limits.request of the flow, or what max_inflight_request_size of the entry leaves)',
    status: 502,
    shown: 'the request body is too large to be sent to another node',
  },
  FILTER_FAILED: {
    message: 'filter {filter} failed: {reason}',
    status: 500,
    shown: 'internal error',
  },
  INTERNAL: { message: 'internal error: {reason}', status: 500, shown: 'internal error' },

  // A cluster
  UPSTREAM_UNAVAILABLE: {
    message: 'cluster {cluster} has no available node',
    status: 503,
    shown: 'no upstream node is available',
  },
  UPSTREAM_LIMITED: {
    message: '{node} takes no more requests now: its traffic is limited, and {wait} ms have passed',
    status: 429,
    shown: 'too many requests',
  },
  UPSTREAM_CONNECT: {
    message: 'cannot connect to {node}: {reason}',
    status: 502,
    shown: 'cannot connect to the upstream node',
  },
  UPSTREAM_EXHAUSTED: {
    message:
      'no connection to {node} can be opened: {reason}; this process has used up what it may have (RLIMIT_NOFILE)',
    status: 503,
    shown: 'the gateway has too many connections',
  },
  UPSTREAM_BUSY: {
    message: '{node} has no free connection: {reason}',
    status: 503,
    shown: 'the upstream node has no free connection',
  },
  UPSTREAM_BROKEN: {
    message: '{node} broke the exchange: {reason}',
    status: 502,
    shown: 'the upstream node broke the exchange',
  },
  UPSTREAM_TIMEOUT: {
    message: '{node} did not answer within {timeout} ms',
    status: 504,
    shown: 'the upstream node did not answer in time',
  },
} as const satisfies Record<string, Definition>;

export type ErrorCode = keyof typeof catalogue;
export type ErrorDetails = Readonly<Record<string, string | number>>;

function fill(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => `${details[name] ?? whole}`);
}

/** An error of the gateway's own: `code` names it, `details` fills its message. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown) {
    super(fill(catalogue[code].message, details), cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  /** HTTP status for a request that this error ends. */
  get status(): number {
    return (catalogue[this.code] as Definition).status ?? 500;
  }

  /** What a client may know of it. */
  get shown(): string {
    return (catalogue[this.code] as Definition).shown ?? this.message;
  }

  /** Whether a node, or the cluster, has failed: not the client, and not the gateway. */
  get ofUpstream(): boolean {
    return this.code.startsWith('UPSTREAM_') || this.code.startsWith('RESPONSE_');
  }

  /** Process exit code for a command that this error ends. */
  get exitCode(): number {
    return (catalogue[this.code] as Definition).exit ?? 1;
  }
}

/** The human-readable reason of anything that was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

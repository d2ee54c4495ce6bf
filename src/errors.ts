/** An error of the catalogue: its message template and how it is rendered. */
interface Definition {
  /** `{name}` is replaced by the detail of that name. */
  readonly message: string;
  /** HTTP status of the response when the error ends a request; 500 when absent. */
  readonly status?: number;
  /** Text for clients where the message names internals; the message when absent. */
  readonly shown?: string;
  /** Exit code when the error ends the program; 1 when absent. */
  readonly exit?: number;
}

/**
 * All errors of the gateway. An error is thrown once, with a code from here, and rendered once: to a
 * client by entry/, to a terminal by cli/, to the log by primary/. `evergate explain errors` documents
 * each that has a status (cli/commands/explain-errors.ts).
 */
const catalogue = {
  // Command line
  USAGE: { message: '{reason}', exit: 2 },
  NODE_UNSUPPORTED: {
    message:
      'this version of Node.js ({actual}) lacks something that evergate relies on: {reason}; run it with a version that the release was tested with',
    exit: 2,
  },
  NOT_RUNNING: { message: 'no gateway responds on {path}: {reason}' },
  TOO_FEW_DESCRIPTORS: {
    message: 'RLIMIT_NOFILE is {limit} file descriptors; a gateway needs at least {needed}',
  },
  ALREADY_RUNNING: {
    message:
      'another gateway (process {pid}) uses {path}; each gateway needs a path.data and a pid file of its own',
  },
  DATA_UNUSABLE: { message: 'cannot use the folder path.data ({path}): {reason}' },
  PID_FILE_FAILED: { message: 'cannot write the pid file {path}: {reason}' },
  CHANGE_REFUSED: {
    message: 'the {what} was {outcome}; the gateway continues unchanged\n{problems}',
  },
  CONTROL_FAILED: { message: 'the control request failed: {reason}' },

  // A configuration change
  CONFIG_INVALID: { message: 'the configuration has {count}', exit: 2 },
  BIND_FAILED: { message: '{who} cannot listen on {address}: {reason}' },
  CERTIFICATE_FAILED: { message: 'cannot create a certificate in {path}: {reason}' },
  WORKER_NOT_READY: { message: 'worker {slot} did not become ready: {reason}' },
  WORKER_CRASH_LOOP: { message: 'workers crash repeatedly while the gateway starts: {reason}' },
  PROGRAM_REPLACED: {
    message:
      'version {installed} is installed but {running} is running; run "evergate upgrade" to switch',
  },
  ROLLOUT_FAILED: { message: 'generation {generation} was rolled back: {reason}' },

  // A request
  REQUEST_MALFORMED: { message: 'malformed request: {reason}', status: 400 },
  REQUEST_TIMEOUT: { message: 'the request did not arrive in time', status: 408 },
  BODY_TOO_LARGE: { message: 'the body exceeds {limit} bytes', status: 413 },
  METHOD_NOT_ALLOWED: { message: 'method {method} is not supported', status: 405 },
  EXPECTATION_FAILED: { message: 'the expectation cannot be met', status: 417 },
  HEAD_TOO_LARGE: { message: 'the request head is too large', status: 431 },
  ROUTE_NOT_FOUND: { message: 'NOT FOUND', status: 404 },
  LOOP_DETECTED: {
    message: 'the request has passed through this gateway before; a node leads back to it',
    status: 508,
  },
  FLOWS_ENDLESS: {
    message:
      'the request has run through 100 flows, the last of them "{flow}"; the flows run each other',
    status: 508,
    shown: 'the flows of the gateway run each other without end',
  },
  REQUEST_UNANSWERED: {
    message:
      'no filter answered the request: none forwards it, sets a response or drops it, or no condition matched',
    status: 404,
    shown: 'no filter of the flow answered the request',
  },
  CLIENT_GONE: { message: 'the client closed the connection', status: 499 },
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
    message:
      'a JSON object or list that a condition or filter uses as a value exceeds {limit} bytes',
    status: 413,
  },
  TEXT_TOO_LONG: {
    message: 'a regular expression is not applied to a text of more than {limit} characters',
    status: 413,
  },
  TOO_BUSY: {
    message: 'a worker thread is overloaded, or its work took too long',
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
      'the request body was already streamed to a node; put filters that read or resend it into the same flow, before the one that forwards',
    status: 500,
  },
  BODY_NOT_KEPT: {
    message:
      'the request body cannot be sent again: it exceeds the {limit} bytes that are kept (body_limits.request of the flow, or the rest of max_inflight_request_size of the entry)',
    status: 502,
    shown: 'the request body is too large to be sent again',
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
    message: 'the traffic limit of {node} is reached; the request waited {wait} ms',
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
      'cannot open a connection to {node}: {reason}; the process has reached its limit on open files (RLIMIT_NOFILE)',
    status: 503,
    shown: 'the gateway has too many connections',
  },
  UPSTREAM_BUSY: {
    message: '{node} has no free connection: {reason}',
    status: 503,
    shown: 'the upstream node has no free connection',
  },
  UPSTREAM_BROKEN: {
    message: '{node} closed the connection or sent an invalid response: {reason}',
    status: 502,
    shown: 'the upstream node closed the connection or sent an invalid response',
  },
  UPSTREAM_TIMEOUT: {
    message: '{node} did not respond within {timeout} ms',
    status: 504,
    shown: 'the upstream node did not respond in time',
  },
} as const satisfies Record<string, Definition>;

export type ErrorCode = keyof typeof catalogue;

/** The codes that a client can receive: those with a status. */
export type ClientErrorCode = {
  [Code in ErrorCode]: (typeof catalogue)[Code] extends { readonly status: number } ? Code : never;
}[ErrorCode];

export type ErrorDetails = Readonly<Record<string, string | number>>;

export function isClientError(text: string): text is ClientErrorCode {
  return Object.hasOwn(catalogue, text) && 'status' in catalogue[text as ErrorCode];
}

export function statusOf(code: ErrorCode): number {
  return (catalogue[code] as Definition).status ?? 500;
}

function fill(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => `${details[name] ?? whole}`);
}

/** An error of the catalogue; `details` fills the message. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown) {
    super(fill(catalogue[code].message, details), cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  /** HTTP status of the response to a request that this error ends. */
  get status(): number {
    return statusOf(this.code);
  }

  /** The text for clients. */
  get shown(): string {
    return (catalogue[this.code] as Definition).shown ?? this.message;
  }

  /** Whether a node or the cluster caused the failure, not the client or the gateway. */
  get ofUpstream(): boolean {
    return this.code.startsWith('UPSTREAM_') || this.code.startsWith('RESPONSE_');
  }

  /** Exit code of a command that this error ends. */
  get exitCode(): number {
    return (catalogue[this.code] as Definition).exit ?? 1;
  }
}

/** The message of anything that was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

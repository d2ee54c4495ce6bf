import { type ClientErrorCode, type ErrorCode, isClientError, statusOf } from '../../errors.ts';

/** One entry of the page, for operators who read a code in a response or in the log. */
interface ErrorPage {
  readonly meaning: string;
  readonly cause: string;
  readonly remedy: string;
}

/** Every error code that a client can receive; the compiler rejects a missing one. */
const pages: Readonly<Record<ClientErrorCode, ErrorPage>> = {
  REQUEST_MALFORMED: {
    meaning: 'The request violates HTTP, or can be interpreted in two ways.',
    cause:
      'A faulty client or proxy, an attack, or a JSON body that is invalid in a flow that reads it.',
    remedy:
      'The reason in the response names the violation. For JSON: "unreadable_json" of the flow.',
  },
  REQUEST_TIMEOUT: {
    meaning: 'The request did not arrive in time.',
    cause: 'A slow or stalled client.',
    remedy: 'Raise "head_timeout", "read_timeout" or "request_timeout" of the entry.',
  },
  BODY_TOO_LARGE: {
    meaning: 'The request body exceeds a limit.',
    cause: 'A large upload, or a large body in a flow that reads it into memory.',
    remedy: 'Raise "max_request_body_size" of the entry, or "body_limits.request" of the flow.',
  },
  METHOD_NOT_ALLOWED: {
    meaning: 'The gateway does not support the method.',
    cause: 'A client uses the gateway as a forward proxy (CONNECT).',
    remedy: 'Remove the gateway from the proxy settings of the client.',
  },
  EXPECTATION_FAILED: {
    meaning: 'The Expect header contains something other than 100-continue.',
    cause: 'A faulty client.',
    remedy: 'Change the client; HTTP defines no other expectation.',
  },
  HEAD_TOO_LARGE: {
    meaning: 'The request line and the headers are too large, or too many.',
    cause: 'Large cookies or tokens, or a long query.',
    remedy: 'Raise "max_header_size" or "max_header_count" of the entry.',
  },
  ROUTE_NOT_FOUND: {
    meaning: 'No rule of the router matches, and it has no default flow.',
    cause: 'A wrong path or method, or a missing rule.',
    remedy: 'Add a rule or "default_flow" to the router. The body is the text NOT FOUND, not JSON.',
  },
  LOOP_DETECTED: {
    meaning: 'The request has passed through this gateway before.',
    cause: 'A cluster or host in the configuration leads back to an entry of this gateway.',
    remedy: 'Correct the address of the cluster or host.',
  },
  FLOWS_ENDLESS: {
    meaning: 'The request ran through 100 flows.',
    cause: 'Flows that run each other under conditions which this request never ends.',
    remedy: 'The log names the last flow. Add a condition that ends the circle.',
  },
  REQUEST_UNANSWERED: {
    meaning: 'The flow ended without a response.',
    cause: 'No filter forwards the request or sets a response, or no condition matched.',
    remedy:
      'End the flow with a filter that always answers, such as elasticsearch or set_response.',
  },
  CLIENT_GONE: {
    meaning: 'The client closed the connection before it had the response.',
    cause: 'A timeout or an abort of the client. Only logs show this status.',
    remedy:
      'None is needed; if it is frequent, compare the timeout of the client with the latency.',
  },
  TOO_MANY_CONNECTIONS_OF_CLIENT: {
    meaning: 'The client address has too many connections.',
    cause: 'A client without a connection pool, or many clients behind one address.',
    remedy: 'Raise "max_conns_per_ip" of the entry; behind a proxy use "proxy_protocol".',
  },
  TOO_MUCH_IN_FLIGHT: {
    meaning: 'The worker holds too many bytes of bodies in memory.',
    cause: 'Many large bodies at once in flows that read or repeat them.',
    remedy: 'Raise "max_inflight_request_size" of the entry, or remove filters that read bodies.',
  },
  TOO_MANY_CONNECTIONS: {
    meaning: 'The entry has too many connections.',
    cause: 'A load peak, slow nodes, or clients that do not close connections.',
    remedy: 'Raise "max_concurrency" of the entry, together with the limit on open files.',
  },
  JSON_VALUE_TOO_LARGE: {
    meaning: 'A condition or filter uses an object or list that is too large.',
    cause: 'A context field such as _ctx.request.body_json names a large part of the body.',
    remedy: 'Name the value inside that is needed, not the object or list around it.',
  },
  TEXT_TOO_LONG: {
    meaning: 'A regular expression would have to search too long a text.',
    cause: 'A condition or filter applies an expression to a large body.',
    remedy: 'Apply the expression to a smaller field, or use "contains", "prefix" or "suffix".',
  },
  TOO_BUSY: {
    meaning: 'A worker thread is overloaded.',
    cause: 'Too many passwords to verify, or replacements by expressions in large bodies.',
    remedy: 'Add processors and workers, or limit the rate of the clients.',
  },
  RESPONSE_TOO_LARGE: {
    meaning: 'The response body exceeds a limit.',
    cause: 'A large response, or one in a flow that reads it into memory.',
    remedy: 'Raise "max_response_size" of the filter, or "body_limits.response" of the flow.',
  },
  RESPONSE_MALFORMED: {
    meaning: 'A filter cannot decode the body of the response.',
    cause: 'Its Content-Encoding does not match its content, or its JSON is invalid.',
    remedy: 'Request the node directly and compare; correct the node, or do not read the body.',
  },
  BODY_SENT: {
    meaning: 'The request body has already been sent to a node and was not kept.',
    cause: 'A filter in another flow reads or forwards it again.',
    remedy: 'Put that filter into the same flow, before the filter that forwards.',
  },
  BODY_NOT_KEPT: {
    meaning: 'The request body is too large to be sent again.',
    cause: 'A flow forwards the request twice, and the body exceeds the memory for it.',
    remedy: 'Raise "body_limits.request" of the flow or "max_inflight_request_size" of the entry.',
  },
  FILTER_FAILED: {
    meaning: 'A filter threw an error that has no code.',
    cause: 'A fault in a plugin or in the gateway. The log has the filter and the stack.',
    remedy: 'Correct the plugin, or report the fault.',
  },
  INTERNAL: {
    meaning: 'The gateway threw an error that has no code.',
    cause: 'A fault in the gateway. The log has the stack.',
    remedy: 'Report the fault.',
  },
  UPSTREAM_UNAVAILABLE: {
    meaning: 'The cluster has no node that accepts requests.',
    cause: 'All nodes are down or ejected, or "weights" and "filter" exclude them all.',
    remedy: '"evergate status" shows each node. Check the nodes and the filter parameters.',
  },
  UPSTREAM_LIMITED: {
    meaning: 'The traffic limit of the node is reached, and the waiting time has passed.',
    cause: 'More requests than "traffic_control" of the cluster allows.',
    remedy: 'Raise the limits or "max_wait_time_in_ms", or add nodes.',
  },
  UPSTREAM_CONNECT: {
    meaning: 'The gateway cannot connect to the node.',
    cause: 'The node is down, its name or port is wrong, a firewall, or TLS does not verify.',
    remedy: 'The log, at level debug, has the reason. Check the address; "dial_timeout" and "tls".',
  },
  UPSTREAM_EXHAUSTED: {
    meaning: 'The worker has no file descriptor left for a connection to the node.',
    cause: 'The limit on open files (RLIMIT_NOFILE) is too low for the connections.',
    remedy: 'Raise the limit (ulimit -n, LimitNOFILE), or lower "max_concurrency".',
  },
  UPSTREAM_BUSY: {
    meaning: 'All connections to the node are in use, and the waiting time has passed.',
    cause: 'A slow node, or a low limit.',
    remedy: 'Raise "max_connection_per_node" or "max_conn_wait_timeout" of the filter.',
  },
  UPSTREAM_BROKEN: {
    meaning: 'The node closed the connection or sent an invalid response.',
    cause: 'The node crashed or restarted, or the port speaks another protocol.',
    remedy: 'Check the log of the node. Requests that only read are repeated by default.',
  },
  UPSTREAM_TIMEOUT: {
    meaning: 'The node did not respond in time.',
    cause: 'An overloaded node, or a slow request.',
    remedy: 'Raise "timeout" of the filter, or "request_timeout" of the cluster.',
  },
};

/** Explains one error code of the catalogue, or, for `errors`, all; null for any other key. */
export function explainError(key: string): string | null {
  if (key === 'errors') return explainErrors();
  if (!isClientError(key)) return null;
  const { meaning, cause, remedy } = pages[key];
  return [
    key,
    `  ${meaning}`,
    '',
    `  status:  ${statusOf(key)}`,
    `  cause:   ${cause}`,
    `  remedy:  ${remedy}`,
  ].join('\n');
}

function explainErrors(): string {
  const codes = Object.keys(pages) as ErrorCode[];
  return [
    'Errors that a client can receive, as {"error": {"type": CODE, "reason": TEXT}, "status": N}:',
    ...codes.map((code) => `\n${explainError(code)}`),
  ].join('\n');
}

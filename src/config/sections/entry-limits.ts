import type { EntryLimits } from '../types.ts';

/** The limits of an entry: plain values, which the schema has checked. */
export function limitsOf(raw: EntryLimits): EntryLimits {
  return {
    head_timeout: raw.head_timeout,
    request_timeout: raw.request_timeout,
    read_timeout: raw.read_timeout,
    write_timeout: raw.write_timeout,
    idle_timeout: raw.idle_timeout,
    disable_tcp_keepalive: raw.disable_tcp_keepalive,
    tcp_keepalive_in_seconds: raw.tcp_keepalive_in_seconds,
    max_header_size: raw.max_header_size,
    max_header_count: raw.max_header_count,
    max_request_body_size: raw.max_request_body_size,
    max_inflight_request_size: raw.max_inflight_request_size,
    max_requests_per_connection: raw.max_requests_per_connection,
    max_conns_per_ip: raw.max_conns_per_ip,
  };
}

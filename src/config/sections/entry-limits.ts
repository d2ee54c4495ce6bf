import { BlockList, isIP } from 'node:net';
import type { Path } from '../problem.ts';
import type { Scope } from '../validation/scope.ts';
import { placeAt } from '../source/tree.ts';
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

/** Reports what is no address and no network. */
export function checkNetworks(values: unknown, path: Path, scope: Scope): readonly string[] {
  if (!Array.isArray(values)) return [];
  for (const [index, value] of values.entries()) {
    if (typeof value !== 'string' || isNetwork(value)) continue;
    const at = [...path, index];
    const message = `"${value}" is not an address or a network; expected one such as 192.168.3.10 or 10.0.0.0/8`;
    scope.problems.error(placeAt(scope.root, at), at, message);
  }
  return values as readonly string[];
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more !== undefined) return false;
  if (prefix === undefined) return true;
  if (!/^\d{1,3}$/.test(prefix)) return false;
  try {
    new BlockList().addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    return false;
  }
}

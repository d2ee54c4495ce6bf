import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';

/** `host:port`, an IPv6 host in brackets. */
export function formatAddress(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Numeric addresses of a host, in the resolver's order; a numeric one stands for itself. */
export async function resolveHost(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return found.map(({ address }) => address);
}

const wildcards = new Set(['0.0.0.0', '::']);

/** Whether two numeric hosts can receive the same connection on one port. */
export function overlap(a: string, b: string): boolean {
  if (a === b) return true;
  if (a === '::' || b === '::') return true;
  if (!wildcards.has(a) && !wildcards.has(b)) return false;
  return isIPv6(a) === isIPv6(b);
}

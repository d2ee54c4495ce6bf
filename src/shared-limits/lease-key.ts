/** Stands in no name of an entry, a cluster or a node, and in no address. */
const separator = '\0';

/**
 * - entry, NAME: connections of clients
 * - address, ENTRY, ADDRESS: those of one client address
 * - node, CLUSTER, ORIGIN: connections to a node
 * - requests or bytes, CLUSTER, ORIGIN: what is sent to a node in a second
 * - limit, ID, KEY: what passes a limiter in an interval
 */
type LeaseSubject = 'entry' | 'address' | 'node' | 'requests' | 'bytes' | 'limit';

/** Names what is leased; without its last part it names what many keys have in common. */
export function leaseKey(subject: LeaseSubject, ...parts: readonly string[]): string {
  return [subject, ...parts].join(separator);
}

/** The key without its third part. */
export function leaseScope(key: string): string {
  const end = key.indexOf(separator, key.indexOf(separator) + 1);
  return end < 0 ? key : key.slice(0, end);
}

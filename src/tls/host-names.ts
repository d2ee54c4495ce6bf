import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';

/** The names that clients may use for an entry. */
export interface HostNames {
  readonly domains: readonly string[];
  readonly addresses: readonly string[];
}

/** The part of an entry's configuration that contains its host names. */
export interface NamedEntry {
  /** Host listened to: a name, or an address perhaps with `%zone`. */
  readonly host: string;
  /** `host:port`, or null. */
  readonly publish: string | null;
  readonly defaultDomain: string | null;
}

/** This machine, as its own certificates call it. */
export interface Machine {
  readonly name: string;
  readonly addresses: readonly string[];
}

/** More addresses than this are not put into a certificate: hosts of containers have hundreds. */
const MOST_ADDRESSES = 64;

export function thisMachine(): Machine {
  const addresses = Object.values(networkInterfaces())
    .flatMap((interfaces) => interfaces ?? [])
    .filter((address) => !address.internal && !address.address.startsWith('fe80:'))
    .map((address) => address.address);
  return { name: hostname(), addresses: addresses.slice(0, MOST_ADDRESSES) };
}

/**
 * Everything that clients may reasonably call the entry: what it publishes, its domain, what it
 * listens on (for a wildcard, all addresses of the machine), the machine, and this host itself.
 * The first domain is the one the certificate is named by.
 */
export function hostNamesOf(entry: NamedEntry, machine: Machine): HostNames {
  const domains = new Set<string>();
  const addresses = new Set<string>();
  const add = (name: string): void => {
    const plain = name.replace(/%.*$/, '');
    if (isIP(plain) !== 0) addresses.add(plain);
    else if (isDomain(plain)) domains.add(plain.toLowerCase());
  };
  if (entry.defaultDomain !== null) add(entry.defaultDomain);
  if (entry.publish !== null) add(hostOf(entry.publish));
  if (entry.host === '0.0.0.0' || entry.host === '::') machine.addresses.forEach(add);
  else add(entry.host);
  add(machine.name);
  add('localhost');
  add('127.0.0.1');
  add('::1');
  return { domains: [...domains], addresses: [...addresses].sort() };
}

/** The host of `host:port`, `[v6]:port`, `host`. */
function hostOf(address: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(address);
  if (bracketed) return bracketed[1] ?? '';
  return address.replace(/:\d*$/, '');
}

/** Names that a certificate may contain; a machine name with an underscore or a space is not one. */
export function isDomain(name: string): boolean {
  return name.length <= 253 && /^(?:\*\.)?[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/i.test(name);
}

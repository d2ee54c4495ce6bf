import { networkInterfaces } from 'node:os';
import { reasonOf } from '../errors.ts';

/** The error code of the system: `EADDRINUSE`, … */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | null)?.code ?? '';
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use by another program',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'not permitted (ports below 1024 take a privilege)',
  EAFNOSUPPORT: 'this machine does not support that kind of address',
  EINVAL: 'not an address that can be bound (a link-local address takes a %zone)',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name cannot be resolved now',
};

/**
 * Why an address could not be bound, in words.
 * @param host numeric, perhaps with a zone
 */
export function describeBindError(error: unknown, host = ''): string {
  const [, zone] = host.split('%');
  if (zone !== undefined && !Object.hasOwn(networkInterfaces(), zone)) {
    return `this machine has no network interface "${zone}"`;
  }
  return reasons[codeOf(error)] ?? reasonOf(error);
}

import { isIPv4, isIPv6 } from 'node:net';

/** A host without brackets, and a port. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `host:port`, `[ipv6%zone]:port`, or `:port` for every address. Answers with what is wrong
 * as text.
 */
export function parseAddress(text: string, lowestPort = 0): Address | string {
  const example = lowestPort === 0 ? '0.0.0.0:8000' : '192.168.3.10:8000';
  if (text.includes('://')) return `expected host:port without a scheme, such as ${example}`;
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed) return complete(bracketed[1] as string, bracketed[2], lowestPort, isIPv6);
  if (/[[\]]/.test(text)) return `expected [IPv6 address]:port, such as [::]:8000`;
  if (/^\d+$/.test(text)) {
    return `expected host:port, such as ${example}; for every address on this port write ":${text}"`;
  }
  const colons = text.split(':').length - 1;
  if (colons > 1) {
    const last = text.lastIndexOf(':');
    const [host, port] = [text.slice(0, last), text.slice(last + 1)];
    const guess = isIPv6(host) && /^\d+$/.test(port) ? `[${host}]:${port}` : `[${text}]:8000`;
    return `an IPv6 address stands in brackets, such as "${guess}"`;
  }
  const [host = '', port] = text.split(':');
  if (host === '' && lowestPort === 0) return complete('::', port, lowestPort, isIPv6);
  if (host === '*') return `"*" is not an address; every IPv4 address is "0.0.0.0:${port ?? 8000}"`;
  return complete(host, port, lowestPort, isHost);
}

function complete(
  host: string,
  port: string | undefined,
  lowestPort: number,
  isRight: (host: string) => boolean,
): Address | string {
  if (!isRight(host)) {
    const expected = isRight === isIPv6 ? 'an IPv6 address' : 'an IPv4 address or a host name';
    return `"${host}" is not ${expected}`;
  }
  if (port === undefined || port === '') return 'the port is missing; expected host:port';
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65535 || Number(port) < lowestPort) {
    return `"${port}" is not a port; expected an integer from ${lowestPort} to 65535`;
  }
  return { host, port: Number(port) };
}

/** Whether `text` is an IPv4 address, an IPv6 address without brackets, or a host name. */
export function isHost(text: string): boolean {
  if (isIPv4(text) || isIPv6(text)) return true;
  // A name that ends in a number would be taken for an IPv4 address.
  if (text.length > 253 || /(^|\.)(\d+|0x[\da-f]*)\.?$/i.test(text)) return false;
  return text.split('.').every((label, index, all) => {
    if (label === '') return index > 0 && index === all.length - 1;
    return /^[a-z\d_]([a-z\d_-]{0,61}[a-z\d_])?$/i.test(label);
  });
}

/** `host:port`, with brackets where they are needed. */
export function renderAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether two addresses cannot be listened on side by side. */
export function collide(first: Address, second: Address): boolean {
  if (first.port !== second.port || first.port === 0) return false;
  const [one, other] = [canonicalHost(first.host), canonicalHost(second.host)];
  // [::] takes IPv4 connections, too.
  if (one === other || one === '::' || other === '::') return true;
  if (one === '0.0.0.0') return !isIPv6(other);
  if (other === '0.0.0.0') return !isIPv6(one);
  const names = [one, other];
  return names.includes('localhost') && names.some((name) => /^127\.0\.0\.1$|^::1$/.test(name));
}

/** One spelling for each address. */
function canonicalHost(host: string): string {
  if (!isIPv6(host)) return host.toLowerCase().replace(/\.$/, '');
  const [address = '', zone] = host.split('%');
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(short);
  if (mapped) {
    const [high, low] = [parseInt(mapped[1] as string, 16), parseInt(mapped[2] as string, 16)];
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  }
  return zone === undefined ? short : `${short}%${zone}`;
}

/** Whether only programs on this machine get to a host of this name. */
export function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

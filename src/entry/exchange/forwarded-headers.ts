import type { NetworkTest } from '../../context/networks.ts';
import type { EntryConfig } from '../../config/types.ts';
import type { ClientConnection } from '../../http/context.ts';
import { type FieldLines, fieldLine, nameBit } from '../../http/headers/raw-lines.ts';
import { isIllegalValue } from '../../http/headers/syntax.ts';
import type { HeaderList } from '../../http/headers/header-list.ts';

/** The header values for a client that requests one host; cached with its connection. */
export interface ForwardedClient {
  readonly remoteAddress: string;
  readonly host: string | undefined;
  readonly address: string;
  readonly proto: string;
  readonly element: string;
  /** All of it as lines, for a request that comes without any such field. */
  readonly lines: FieldLines;
}

const names = ['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'Forwarded'] as const;
const nameBits = names.reduce((bits, name) => bits | nameBit(name), 0);

/** A client's connection, which caches the last header values. */
export interface ForwardingConnection extends ClientConnection {
  forwardedAs: ForwardedClient | null;
}

/**
 * Tells the backend who the client is: `X-Forwarded-For`, `-Proto`, `-Host` and `Forwarded`
 * (RFC 7239). What an untrusted client says of itself in them is thrown away.
 */
export class ForwardedFields {
  readonly #policy: EntryConfig['forwarded'];
  readonly #isTrusted: NetworkTest;
  /** How the entry names itself (`by`); empty for not at all. */
  readonly #identity: string;

  constructor(policy: EntryConfig['forwarded'], isTrusted: NetworkTest, identity = '') {
    this.#policy = policy;
    this.#isTrusted = isTrusted;
    this.#identity = identity;
  }

  /** Whether the request has come through this entry before. */
  comesBack(headers: HeaderList): boolean {
    if (this.#identity === '' || !headers.has('forwarded')) return false;
    return headers.getAll('forwarded').some((value) => value.includes(`by=${this.#identity}`));
  }

  /** Sets the fields of one request. */
  apply(headers: HeaderList, client: ForwardingConnection): void {
    if (this.#policy === 'off') return;
    const { host, address, proto, element, lines } = said(
      client,
      headers.get('host'),
      this.#identity,
    );
    if (headers.appendNew(lines, names)) return;
    keepFromConnection(headers);
    if (this.#policy === 'append' || this.#isTrusted(client.remoteAddress)) {
      extend(headers, 'X-Forwarded-For', address);
      extend(headers, 'Forwarded', element);
      // The first proxy knows these best.
      if (!headers.has('x-forwarded-proto')) headers.append('X-Forwarded-Proto', proto);
      if (host !== undefined && !headers.has('x-forwarded-host')) {
        headers.append('X-Forwarded-Host', host);
      }
      return;
    }
    headers.set('X-Forwarded-For', address);
    headers.set('X-Forwarded-Proto', proto);
    if (host === undefined) headers.remove('X-Forwarded-Host');
    else headers.set('X-Forwarded-Host', host);
    headers.set('Forwarded', element);
  }
}

/** Nearly all requests of a connection ask for the same host. */
function said(
  client: ForwardingConnection,
  host: string | undefined,
  identity: string,
): ForwardedClient {
  const { remoteAddress, forwardedAs } = client;
  if (forwardedAs?.host === host && forwardedAs?.remoteAddress === remoteAddress) {
    return forwardedAs;
  }
  const address = plainAddress(remoteAddress);
  const proto = client.tls ? 'https' : 'http';
  const element = elementFor(address, proto, host, identity);
  const lines = linesOf([address, proto, host, element]);
  return (client.forwardedAs = { remoteAddress, host, address, proto, element, lines });
}

/** @param values in the order of `names` */
function linesOf(values: readonly (string | undefined)[]): FieldLines {
  let lines = '';
  for (const [index, name] of names.entries()) {
    const value = values[index];
    if (value !== undefined && !isIllegalValue(value)) lines += fieldLine(name, value);
  }
  return { all: lines, passed: lines, names: nameBits };
}

/** A field that Connection names would be taken out on the way: not these. */
function keepFromConnection(headers: HeaderList): void {
  const connection = headers.get('connection');
  if (connection === undefined || !/forwarded/i.test(headers.getAll('connection').join())) return;
  const options = headers
    .getAll('connection')
    .join()
    .split(',')
    .filter((option) => !/forwarded/i.test(option));
  if (options.length === 0) headers.remove('connection');
  else headers.set('Connection', options.join(','));
}

function extend(headers: HeaderList, name: string, value: string): void {
  const before = headers.getAll(name);
  headers.set(name, [...before, value].join(', '));
}

function elementFor(
  address: string,
  proto: string,
  host: string | undefined,
  identity: string,
): string {
  const node = address.includes(':') ? `"[${address}]"` : address;
  const by = identity === '' ? '' : `;by=${identity}`;
  const element = `for=${node || 'unknown'}${by};proto=${proto}`;
  if (host === undefined) return element;
  return `${element};host=${/^[\w!#$%&'*+\-.^`|~]+$/.test(host) ? host : `"${host}"`}`;
}

/** An IPv4 address that came by a dual-stack socket, as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

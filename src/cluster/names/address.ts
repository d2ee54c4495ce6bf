import { SocketAddress, isIP } from 'node:net';

/** An address that a name leads to. */
export interface NamedAddress {
  /** In its one canonical spelling. */
  readonly address: string;
  readonly family: 4 | 6;
}

/** What a name leads to, and for how long that holds. */
export interface Resolution {
  readonly addresses: readonly NamedAddress[];
  readonly ttlMs: number;
}

/** The address that the text spells, or null for anything else. */
export function parseAddress(text: string): NamedAddress | null {
  const [plain = '', zone] = text.split('%');
  const family = isIP(plain);
  if (family === 4) return { address: plain, family };
  if (family !== 6) return null;
  const { address } = new SocketAddress({ address: plain, family: 'ipv6' });
  return { address: zone === undefined ? address : `${address}%${zone}`, family };
}

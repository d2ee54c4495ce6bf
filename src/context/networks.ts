import { BlockList, isIP } from 'node:net';
import { nearest } from '../suggest.ts';
import type { IpAccessConfig } from '../config/types.ts';
import { GatewayError } from '../errors.ts';

/** Whether an IP address (a zone counts for nothing) is within some networks. */
export type NetworkTest = (address: string) => boolean;

const loopback = ['127.0.0.0/8', '::1/128'];
const unspecified = ['0.0.0.0/32', '::/128'];
const broadcast = ['255.255.255.255/32'];
const multicast = ['224.0.0.0/4', 'ff00::/8'];
const interfaceLocalMulticast = ['ff01::/16'];
const linkLocalUnicast = ['169.254.0.0/16', 'fe80::/10'];
const linkLocalMulticast = ['224.0.0.0/24', 'ff02::/16'];
const privateUse = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

const unicast = (): NetworkTest =>
  outside([...loopback, ...unspecified, ...broadcast, ...multicast, ...linkLocalUnicast]);

/** Names that stand for networks; compiled where one is used. */
const namedNetworks: Readonly<Record<string, () => NetworkTest>> = {
  loopback: () => within(loopback),
  unicast,
  global_unicast: unicast,
  multicast: () => within(multicast),
  interface_local_multicast: () => within(interfaceLocalMulticast),
  link_local_unicast: () => within(linkLocalUnicast),
  link_local_multicast: () => within(linkLocalMulticast),
  private: () => within(privateUse),
  public: () =>
    outside([
      ...loopback,
      ...unspecified,
      ...broadcast,
      ...linkLocalUnicast,
      ...linkLocalMulticast,
      ...interfaceLocalMulticast,
      ...privateUse,
    ]),
  unspecified: () => within(unspecified),
};

/**
 * Compiles networks: CIDR blocks, single addresses, or names such as `private`. An address is in
 * when it is in any of them; what is no address is in none.
 * @throws PARAMETER_INVALID
 */
export function compileNetworks(networks: readonly string[]): NetworkTest {
  const named = networks.filter((name) => Object.hasOwn(namedNetworks, name));
  const blocks = networks.filter((network) => !Object.hasOwn(namedNetworks, network));
  const tests = named.map((name) => (namedNetworks[name] as () => NetworkTest)());
  if (blocks.length > 0) tests.push(within(blocks));
  const [only] = tests;
  return only && tests.length === 1 ? only : (address) => tests.some((test) => test(address));
}

/** Which addresses may connect: none that is denied, and, where some are permitted, only those. */
export function clientAccess({ permitted, denied }: IpAccessConfig): NetworkTest {
  const isPermitted = permitted.length > 0 ? compileNetworks(permitted) : () => true;
  const isDenied = denied.length > 0 ? compileNetworks(denied) : () => false;
  return (address) => isPermitted(address) && !isDenied(address);
}

function within(blocks: readonly string[]): NetworkTest {
  const list = new BlockList();
  for (const block of blocks) add(list, block);
  return (text) => {
    const address = withoutZone(text);
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}

function outside(blocks: readonly string[]): NetworkTest {
  const isWithin = within(blocks);
  return (address) => isIP(withoutZone(address)) !== 0 && !isWithin(address);
}

function add(list: BlockList, block: string): void {
  const slash = block.indexOf('/');
  const address = slash < 0 ? block : block.slice(0, slash);
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  const prefix = slash < 0 ? bits : Number(/^\d{1,3}$/.exec(block.slice(slash + 1))?.[0] ?? 129);
  if (family === 0 || prefix > bits) {
    throw new GatewayError('PARAMETER_INVALID', { reason: wrong(block, family, bits) });
  }
  list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
}

function wrong(block: string, family: number, bits: number): string {
  if (family !== 0) return `"${block}" has a bad prefix length; expected 0 to ${bits}`;
  const name = nearest(block, Object.keys(namedNetworks));
  if (name !== undefined) return `unknown network "${block}"; did you mean "${name}"?`;
  const names = Object.keys(namedNetworks).join(', ');
  return `"${block}" is no network; expected an address, a CIDR block like 10.0.0.0/8, or one of ${names}`;
}

function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone < 0 ? address : address.slice(0, zone);
}

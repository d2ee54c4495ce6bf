import { type Address, collide, isHost, parseAddress, renderAddress } from './address.ts';
import { limitsOf } from './entry-limits.ts';
import { normaliseTls, type RawTls, readTlsFiles, tlsFilesOf } from './entry-tls.ts';
import { type Path, related, renderPath } from '../problem.ts';
import type { Scope } from '../validation/scope.ts';
import { type MapNode, nodeAt, placeAt } from '../source/tree.ts';
import type { EntryConfig, EntryLimits, NetworkConfig } from '../types.ts';

/** Where to listen, as its schema leaves it. */
export interface RawNetwork {
  readonly host: string;
  readonly port: number;
  readonly binding?: string;
  readonly publish?: string;
  readonly reuse_port: boolean;
  readonly skip_occupied_port: boolean;
}

/** An entry as its schema leaves it: right in its types, unless an error has been reported. */
interface RawEntry extends EntryLimits {
  readonly name: string;
  readonly enabled: boolean;
  readonly max_concurrency: number;
  readonly router: string;
  readonly network: RawNetwork & { readonly proxy_protocol: boolean };
  readonly tls: RawTls;
  readonly drain: { readonly idle: number; readonly timeout?: number };
  readonly forwarded: EntryConfig['forwarded'];
  readonly trusted_addresses: readonly string[];
}

interface Placed {
  readonly config: EntryConfig;
  readonly path: Path;
}

/** The enabled entries; every entry is checked. */
export function normaliseEntries(values: readonly unknown[], scope: Scope): EntryConfig[] {
  const enabled: Placed[] = [];
  for (const [index, value] of values.entries()) {
    if (typeof value !== 'object' || value === null) continue;
    const raw = value as RawEntry;
    const path = ['entry', index];
    const config = normaliseEntry(raw, path, scope);
    if (raw.enabled) enabled.push({ config, path });
  }
  const certain = enabled.filter(({ path }) => hasAddress(path, scope));
  checkCollisions(certain, scope);
  return enabled.map(({ config }) => config);
}

function normaliseEntry(raw: RawEntry, path: Path, scope: Scope): EntryConfig {
  const { name, max_concurrency, router, drain, forwarded, trusted_addresses } = raw;
  const network = normaliseNetwork(raw.network ?? {}, [...path, 'network'], scope);
  const tls = normaliseTls(raw.tls ?? {}, [...path, 'tls'], scope);
  if (raw.enabled && tls.enabled) {
    for (const file of tlsFilesOf(tls)) scope.watchFile(file);
    scope.tlsFiles.set(name, readTlsFiles(tls, [...path, 'tls'], scope));
  }
  if (network.proxy_protocol && trusted_addresses.length === 0) {
    const at = [...path, 'network', 'proxy_protocol'];
    const message =
      '"proxy_protocol" needs the proxies that may speak it; name them in the entry\'s "trusted_addresses"';
    scope.problems.error(placeAt(scope.root, at), at, message);
  }
  return {
    name,
    max_concurrency,
    router,
    network,
    tls,
    drain: { idle: drain.idle, timeout: drain.timeout ?? null },
    forwarded,
    trusted_addresses,
    ...limitsOf(raw),
  };
}

function normaliseNetwork(raw: RawEntry['network'], path: Path, scope: Scope): NetworkConfig {
  const { host, port } = listeningAddress(raw, path, scope);
  const written = (key: string) => nodeAt(scope.root, [...path, key]);
  const { skip_occupied_port } = raw;
  let { reuse_port } = raw;
  if (skip_occupied_port && reuse_port) {
    const reuse = written('reuse_port');
    if (reuse) {
      const at = [...path, 'skip_occupied_port'];
      const message =
        '"skip_occupied_port" and "reuse_port" cannot both be true: a port that is shared is never occupied';
      const other = related(reuse.place, '"reuse_port" is here');
      scope.problems.error(placeAt(scope.root, at), at, message, [other]);
    }
    reuse_port = false;
  }
  return {
    host,
    port,
    publish: publishedAddress(raw, path, scope),
    reuse_port,
    skip_occupied_port,
    proxy_protocol: raw.proxy_protocol,
  };
}

/** Where `binding`, or `host` and `port`, of the map at `path` say to listen. */
export function listeningAddress(raw: RawNetwork, path: Path, scope: Scope): Address {
  const { host, port, binding } = raw;
  const hostPath = [...path, 'host'];
  if (typeof host === 'string' && host !== '' && !isHost(host)) {
    const message = `"${host}" is not an IPv4 address, an IPv6 address (here without brackets) or a host name`;
    scope.problems.error(placeAt(scope.root, hostPath), hostPath, message);
  }
  if (typeof binding !== 'string') return { host, port };
  const at = [...path, 'binding'];
  const place = placeAt(scope.root, at);
  const address = parseAddress(binding);
  if (typeof address === 'string') {
    scope.problems.error(place, at, address);
    return { host, port };
  }
  for (const key of ['host', 'port'] as const) {
    const other = nodeAt(scope.root, [...path, key]);
    if (!other || raw[key] === address[key]) continue;
    const message = `"binding" and "${key}" contradict each other: ${address[key]} and ${raw[key]}; give only one of them`;
    scope.problems.error(place, at, message, [related(other.place, `"${key}" is here`)]);
  }
  return address;
}

export function publishedAddress(raw: RawNetwork, path: Path, scope: Scope): string | null {
  if (typeof raw.publish !== 'string') return null;
  const address = parseAddress(raw.publish, 1);
  if (typeof address !== 'string') return renderAddress(address);
  const at = [...path, 'publish'];
  scope.problems.error(placeAt(scope.root, at), at, address);
  return null;
}

/** Two entries that want the same address. */
function checkCollisions(entries: readonly Placed[], scope: Scope): void {
  for (const [index, later] of entries.entries()) {
    const { network } = later.config;
    // Such an entry finds the port occupied, and goes on to the next.
    if (network.skip_occupied_port) continue;
    for (const earlier of entries.slice(0, index)) {
      if (!collide(earlier.config.network, network)) continue;
      const message = collisionMessage(earlier.config, network);
      const at = addressPath(later.path, scope.root);
      const otherPlace = placeAt(scope.root, addressPath(earlier.path, scope.root));
      scope.problems.error(placeAt(scope.root, at), at, message, [
        related(otherPlace, `entry "${earlier.config.name}" is here`),
      ]);
      break;
    }
  }
}

function collisionMessage({ name, network: taken }: EntryConfig, wanted: NetworkConfig): string {
  const [one, other] = [renderAddress(wanted), renderAddress(taken)];
  if (one === other) return `${one} is taken: entry "${name}" listens on it, too`;
  if (isWildcard(taken) && !wanted.host.includes(':')) {
    return `${one} is taken: entry "${name}" listens on ${other}, which includes it`;
  }
  if (isWildcard(wanted)) {
    return `${one} includes ${other}, which is taken: entry "${name}" listens on it`;
  }
  return `${one} is taken: entry "${name}" listens on ${other}, which is the same`;
}

function isWildcard({ host }: Address): boolean {
  return host === '0.0.0.0' || /^[:0]+$/.test(host);
}

/** Whether it is sure where the entry means to listen. */
function hasAddress(path: Path, { problems }: Scope): boolean {
  const entry = renderPath(path);
  return !problems.errors.some(
    (problem) =>
      problem.path.startsWith(`${entry}.network`) ||
      (problem.path.startsWith(`${entry}.`) && problem.message.startsWith('unknown key')),
  );
}

/** Where the address of an entry is written. */
export function addressPath(path: Path, root: MapNode): Path {
  const keys = ['binding', 'port', 'host'];
  const key = keys.find((one) => nodeAt(root, [...path, 'network', one]));
  return key === undefined ? path : [...path, 'network', key];
}

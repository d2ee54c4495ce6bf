import { type Address, collide, isHost, parseAddress, renderAddress } from './address.ts';
import { type Path, related, renderPath } from './problem.ts';
import type { Scope } from './scope.ts';
import { keyPlaceAt, nodeAt, placeAt } from './tree.ts';
import type { EntryConfig, NetworkConfig, TlsConfig } from './types.ts';

/** An entry as its schema leaves it: right in its types, unless an error has been reported. */
interface RawEntry {
  readonly name: string;
  readonly enabled: boolean;
  readonly max_concurrency: number;
  readonly router: string;
  readonly network: {
    readonly host: string;
    readonly port: number;
    readonly binding?: string;
    readonly publish?: string;
    readonly reuse_port: boolean;
    readonly skip_occupied_port: boolean;
  };
  readonly tls: {
    readonly enabled: boolean;
    readonly cert_file?: string;
    readonly key_file?: string;
    readonly skip_insecure_verify: boolean;
  };
  readonly drain: { readonly idle: number; readonly timeout: number };
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
  const { name, max_concurrency, router, drain } = raw;
  const network = normaliseNetwork(raw.network ?? {}, [...path, 'network'], scope);
  const tls = normaliseTls(raw.tls ?? {}, [...path, 'tls'], scope);
  return { name, max_concurrency, router, network, tls, drain };
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
  };
}

function listeningAddress(raw: RawEntry['network'], path: Path, scope: Scope): Address {
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

function publishedAddress(raw: RawEntry['network'], path: Path, scope: Scope): string | null {
  if (typeof raw.publish !== 'string') return null;
  const address = parseAddress(raw.publish, 1);
  if (typeof address !== 'string') return renderAddress(address);
  const at = [...path, 'publish'];
  scope.problems.error(placeAt(scope.root, at), at, address);
  return null;
}

function normaliseTls(raw: RawEntry['tls'], path: Path, scope: Scope): TlsConfig {
  const file = (key: 'cert_file' | 'key_file') => {
    const value = raw[key];
    if (typeof value !== 'string' || value === '') return null;
    return scope.absolutePath(value, placeAt(scope.root, [...path, key]));
  };
  const config: TlsConfig = {
    enabled: raw.enabled,
    cert_file: file('cert_file'),
    key_file: file('key_file'),
    skip_insecure_verify: raw.skip_insecure_verify,
  };
  if (config.enabled && (config.cert_file === null) !== (config.key_file === null)) {
    const given = config.cert_file === null ? 'key_file' : 'cert_file';
    const missing = given === 'key_file' ? 'cert_file' : 'key_file';
    const at = [...path, given];
    const message = `"${given}" is given without "${missing}"; give both, or neither to have a certificate generated`;
    const enabled = keyPlaceAt(scope.root, [...path, 'enabled']);
    scope.problems.error(keyPlaceAt(scope.root, at), at, message, [
      related(enabled, 'TLS is enabled here'),
    ]);
  }
  return config;
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
      const at = addressPath(later.path, scope);
      const otherPlace = placeAt(scope.root, addressPath(earlier.path, scope));
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
function addressPath(path: Path, { root }: Scope): Path {
  const keys = ['binding', 'port', 'host'];
  const key = keys.find((one) => nodeAt(root, [...path, 'network', one]));
  return key === undefined ? path : [...path, 'network', key];
}

import { hostname, networkInterfaces } from 'node:os';
import type { ElasticsearchConfig, EntryConfig, FilterConfig, FlowConfig } from '../types.ts';
import type { Path } from '../problem.ts';
import { placeAt } from '../source/tree.ts';
import type { Scope } from './scope.ts';

/** Warns of nodes that are entries of this very gateway, as far as addresses show it. */
export function checkOwnEndpoints(
  entries: readonly EntryConfig[],
  clusters: readonly ElasticsearchConfig[],
  flows: readonly FlowConfig[],
  scope: Scope,
): void {
  const local = localHosts();
  const warn = (origin: string, path: Path): void => {
    const entry = URL.canParse(origin) ? entryAt(new URL(origin), entries, local) : undefined;
    if (entry === undefined) return;
    const message = `${origin} is the entry "${entry.name}" of this gateway; a request that returns there gets 508`;
    scope.problems.warning(placeAt(scope.root, path), path, message);
  };
  for (const [index, { endpoints }] of clusters.entries()) {
    for (const origin of endpoints) warn(origin, ['elasticsearch', index]);
  }
  for (const { filter } of flows) {
    for (const [path, origin] of serversOf(filter)) warn(origin, path);
  }
}

function entryAt(
  { hostname: host, port, protocol }: URL,
  entries: readonly EntryConfig[],
  local: ReadonlySet<string>,
): EntryConfig | undefined {
  const number = Number(port || (protocol === 'https:' ? 443 : 80));
  const plain = host.replace(/^\[|\]$/g, '');
  return entries.find(({ network }) => {
    if (network.port !== number) return false;
    if (network.host === plain) return true;
    const isEverywhere = network.host === '0.0.0.0' || network.host === '::';
    if (isEverywhere) return local.has(plain);
    return isLoopback(network.host) && isLoopback(plain);
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function localHosts(): ReadonlySet<string> {
  const hosts = new Set(['localhost', '127.0.0.1', '::1', '0.0.0.0', '::', hostname()]);
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address } of addresses ?? []) hosts.add(address);
  }
  return hosts;
}

/** Servers of `http` filters, with the places of the filters. */
function* serversOf(places: readonly FilterConfig[]): Generator<[Path, string]> {
  for (const place of places) {
    if (place.kind === 'branch') {
      yield* serversOf(place.whenMet);
      yield* serversOf(place.otherwise);
    } else if (place.name === 'http') {
      const { schema = 'http', host, hosts = [] } = place.parameters as HttpServers;
      for (const server of host === undefined ? hosts : [host, ...hosts]) {
        yield [stepsOf(place.path), `${schema}://${server}`];
      }
    }
  }
}

interface HttpServers {
  readonly schema?: string;
  readonly host?: string;
  readonly hosts?: readonly string[];
}

/** `flow[0].filter[1].http` */
function stepsOf(path: string): Path {
  return path
    .split(/[.[\]]+/)
    .filter((step) => step !== '')
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

import { parseAddress } from './address.ts';
import type { Path } from '../problem.ts';
import type { Scope } from '../validation/scope.ts';
import { placeAt } from '../source/tree.ts';
import { leavesNodesUnverified, type RawClientTls } from '../validation/client-tls.ts';
import type { ElasticsearchConfig, HealthCheckConfig, TrafficControlConfig } from '../types.ts';

interface RawCluster {
  readonly name: string;
  readonly enabled: boolean;
  readonly endpoint?: string;
  readonly endpoints?: readonly string[];
  readonly host?: string;
  readonly hosts?: readonly string[];
  readonly schema: string;
  readonly basic_auth?: NonNullable<ElasticsearchConfig['basic_auth']>;
  readonly request_timeout: number;
  readonly request_compress?: boolean;
  readonly discovery?: {
    readonly enabled?: boolean;
    readonly refresh?: { readonly enabled?: boolean; readonly interval?: number };
  };
  readonly health_check?: HealthCheckConfig;
  readonly traffic_control?: Partial<TrafficControlConfig> & { readonly enabled: boolean };
  readonly tls?: RawClientTls;
  readonly http2?: boolean;
}

const unwatched = {
  discovery: { enabled: false, interval: 0 },
  health_check: { enabled: false, interval: 0, timeout: 0, path: '/', rise: 1, fall: 1 },
};

/** All clusters. One that is switched off has no nodes: what refers to it finds none available. */
export function normaliseClusters(values: readonly unknown[], scope: Scope): ElasticsearchConfig[] {
  const clusters: ElasticsearchConfig[] = [];
  for (const [index, value] of values.entries()) {
    if (typeof value !== 'object' || value === null) continue;
    const raw = value as RawCluster;
    const config = normaliseCluster(raw, ['elasticsearch', index], scope);
    clusters.push(raw.enabled ? config : { ...config, endpoints: [], ...unwatched });
  }
  return clusters;
}

function normaliseCluster(raw: RawCluster, path: Path, scope: Scope): ElasticsearchConfig {
  const origins = new Set<string>();
  let given = 0;
  const take = (text: unknown, at: Path, read: (text: string) => string | { wrong: string }) => {
    if (text !== undefined) given++;
    if (typeof text !== 'string' || text === '') return;
    const origin = read(text);
    if (typeof origin === 'string') origins.add(origin);
    else scope.problems.error(placeAt(scope.root, at), at, origin.wrong);
  };
  take(raw.endpoint, [...path, 'endpoint'], originOf);
  for (const [index, text] of listOf(raw.endpoints)) {
    take(text, [...path, 'endpoints', index], originOf);
  }
  const fromHost = (text: string) => originOfHost(text, raw.schema);
  take(raw.host, [...path, 'host'], fromHost);
  for (const [index, text] of listOf(raw.hosts)) take(text, [...path, 'hosts', index], fromHost);
  if (given === 0 && raw.endpoints === undefined && raw.hosts === undefined) {
    const message =
      'the cluster has no address; give "endpoint" or "endpoints", such as http://localhost:9200';
    scope.problems.error(placeAt(scope.root, path), path, message);
  }
  warnOfUnverified(raw, [...origins], path, scope);
  return {
    name: raw.name,
    endpoints: [...origins],
    basic_auth: raw.basic_auth ?? null,
    request_timeout: raw.request_timeout,
    request_compress: raw.request_compress ?? false,
    discovery: {
      enabled: raw.discovery?.enabled ?? false,
      interval:
        raw.discovery?.refresh?.enabled === false ? 0 : (raw.discovery?.refresh?.interval ?? 0),
    },
    health_check: raw.health_check ?? unwatched.health_check,
    traffic_control: trafficControlOf(raw.traffic_control),
    tls: upstreamTlsOf(raw.tls ?? {}),
    http2: raw.http2 ?? false,
  };
}

/** INFINI Gateway does not verify nodes by default; a user of its configurations should know. */
function warnOfUnverified(
  { name, enabled, tls, basic_auth }: RawCluster,
  origins: readonly string[],
  path: Path,
  { root, problems }: Scope,
): void {
  const secure = origins.find((origin) => origin.startsWith('https:'));
  if (!enabled || secure === undefined || !leavesNodesUnverified(tls ?? {})) return;
  const lost = basic_auth ? 'the requests, and the password of "basic_auth"' : 'the requests';
  const message = `the nodes of "${name}" are not verified: any server at ${secure} gets ${lost}; set "tls.ca_file", or "tls.skip_insecure_verify: false" for the authorities that Node.js trusts (true accepts any node)`;
  problems.warning(placeAt(root, path), path, message);
}

function upstreamTlsOf(raw: RawClientTls): ElasticsearchConfig['tls'] {
  return {
    ca_file: raw.ca_file ?? null,
    cert_file: raw.cert_file ?? null,
    key_file: raw.key_file ?? null,
    key_passphrase: raw.key_passphrase ?? null,
    server_name: raw.server_name ?? null,
    skip_insecure_verify: raw.skip_insecure_verify ?? null,
    skip_domain_verify: raw.skip_domain_verify ?? false,
  };
}

function trafficControlOf(raw: RawCluster['traffic_control']): TrafficControlConfig | null {
  if (!raw?.enabled) return null;
  const { max_bytes_per_node = 0, max_qps_per_node = 0, max_connection_per_node = 0 } = raw;
  if (max_bytes_per_node + max_qps_per_node + max_connection_per_node === 0) return null;
  const { max_wait_time_in_ms = 10_000 } = raw;
  return { max_bytes_per_node, max_qps_per_node, max_connection_per_node, max_wait_time_in_ms };
}

function listOf(value: unknown): [number, unknown][] {
  return Array.isArray(value) ? [...value.entries()] : [];
}

/** `http://host:port` of a URL that contains only these, or the error in it. */
export function originOf(text: string): string | { wrong: string } {
  const example = 'expected scheme, host and port, such as http://localhost:9200';
  if (!/^https?:\/\//i.test(text)) {
    const guess = /^[\w.-]+(:\d+)?$/.test(text) ? `; did you mean "http://${text}"?` : '';
    return { wrong: `${example}${guess}` };
  }
  if (!URL.canParse(text)) return { wrong: example };
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    return { wrong: 'user and password do not belong here; give them in "basic_auth"' };
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return { wrong: `${example}, without a path` };
  }
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return `${url.protocol}//${url.hostname}:${port}`;
}

function originOfHost(text: string, schema: string): string | { wrong: string } {
  if (text.includes('://')) {
    return { wrong: 'expected host:port without a scheme; a URL belongs in "endpoint"' };
  }
  const address = parseAddress(text, 1);
  if (typeof address === 'string') return { wrong: address };
  return originOf(`${schema === 'https' ? 'https' : 'http'}://${text}`);
}

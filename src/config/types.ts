/**
 * The configuration as the gateway runs it: validated, every default filled in, deep-frozen.
 * Property names are the configuration's own, so that a name found in a file, a log or an error is
 * found here too. Durations are milliseconds, sizes are bytes.
 */
export interface GatewayConfig {
  /** Enabled entries only. */
  readonly entry: readonly EntryConfig[];
  readonly router: readonly RouterConfig[];
  readonly flow: readonly FlowConfig[];
  /** One that is switched off has no endpoints. */
  readonly elasticsearch: readonly ElasticsearchConfig[];
  readonly plugins: readonly PluginConfig[];
  /** Worker processes; `auto` is one for each processor. */
  readonly workers: number | 'auto';
  readonly supervision: SupervisionConfig;
  /** Gateways that may run with one path.data; absent when that is one. */
  readonly instances?: number;
  /** Null when there is none. */
  readonly api: ApiConfig | null;
  readonly path: PathConfig;
  readonly configs: { readonly auto_reload: boolean };
  readonly log: { readonly level: LogLevel };
}

/** How the primary and its workers look after each other; times in ms. */
export interface SupervisionConfig {
  /** Silence after which a worker is killed and replaced; 0 for never. */
  readonly heartbeat_timeout: number;
  /** For which workers serve without a primary. */
  readonly orphan_timeout: number;
  /** Generations of replaced workers that may live on for long connections. */
  readonly max_draining_generations: number;
  /** Resident memory of all of them, bytes; 0 for a quarter of what there is. */
  readonly max_draining_memory: number;
  /** From the wish to stop to the end of accepting. */
  readonly shutdown_delay: number;
}

/** The HTTP API of the gateway itself. */
export interface ApiConfig {
  readonly network: Omit<NetworkConfig, 'proxy_protocol'>;
  /** Null when it asks nobody who they are. */
  readonly security: { readonly username: string; readonly password: string } | null;
}

/** A file with filters. */
export interface PluginConfig {
  /** Absolute. */
  readonly path: string;
  /** Changes with its content. */
  readonly version: string;
}

/** Absolute paths. */
export interface PathConfig {
  readonly data: string;
  readonly logs: string;
  /** Folder of included files; null when the configuration names none. */
  readonly configs: string | null;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface EntryConfig extends EntryLimits {
  readonly name: string;
  /** Connections at one time, over all workers. */
  readonly max_concurrency: number;
  /** Name of the router that its requests go to. */
  readonly router: string;
  readonly network: NetworkConfig;
  readonly tls: TlsConfig;
  readonly drain: DrainConfig;
  /** How the headers `X-Forwarded-…` and `Forwarded` of a client are treated. */
  readonly forwarded: 'append' | 'replace' | 'off';
  /** Addresses and networks (`10.0.0.0/8`) of proxies whose word on the client is taken. */
  readonly trusted_addresses: readonly string[];
}

/** Limits for one client: times in ms, sizes in bytes; 0 means no limit. */
export interface EntryLimits {
  /** For a whole request head. */
  readonly head_timeout: number;
  /** For a whole request, its body included. */
  readonly request_timeout: number;
  /** Silence within a request that is being received. */
  readonly read_timeout: number;
  /** Silence of a client that does not take the response. */
  readonly write_timeout: number;
  /** Until the next request on a kept connection. */
  readonly idle_timeout: number;
  readonly disable_tcp_keepalive: boolean;
  /** In milliseconds here. */
  readonly tcp_keepalive_in_seconds: number;
  readonly max_header_size: number;
  /** Fields of one request. */
  readonly max_header_count: number;
  readonly max_request_body_size: number;
  /** Bytes of request bodies held in memory at one time, in each worker. */
  readonly max_inflight_request_size: number;
  readonly max_requests_per_connection: number;
  /** Connections of one client address at one time, over all workers. */
  readonly max_conns_per_ip: number;
}

export interface NetworkConfig {
  /** Host name, IPv4 address, or IPv6 address without brackets, perhaps with `%zone`. */
  readonly host: string;
  readonly port: number;
  /** Public address, `host:port`; null if it is the listening address. */
  readonly publish: string | null;
  readonly reuse_port: boolean;
  readonly skip_occupied_port: boolean;
  /** Whether connections begin with a PROXY protocol header, version 1 or 2. */
  readonly proxy_protocol: boolean;
}

export interface TlsConfig {
  readonly enabled: boolean;
  /** Absolute path, or null. */
  readonly cert_file: string | null;
  /** Absolute path, or null. */
  readonly key_file: string | null;
  readonly key_passphrase: string | null;
  /** Chosen by the host name that the client asks for. */
  readonly certificates: readonly NamedCertificateConfig[];
  /** Absolute path of the authorities of client certificates; null when clients need none. */
  readonly ca_file: string | null;
  /** Whether a client certificate that does not verify is accepted. */
  readonly skip_insecure_verify: boolean;
  /** Host name to make a certificate for, beside those known anyway. */
  readonly default_domain: string | null;
  readonly min_version: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL cipher list; null for ours. */
  readonly ciphers: string | null;
  readonly http2: boolean;
}

export interface NamedCertificateConfig {
  /** Host names, perhaps `*.example.com`; empty for those that the certificate names. */
  readonly domains: readonly string[];
  readonly cert_file: string;
  readonly key_file: string;
  readonly key_passphrase: string | null;
}

export interface DrainConfig {
  /** How long a draining worker keeps a quiet connection after its last activity, ms. */
  readonly idle: number;
  /**
   * When a draining worker ends what is left, ms. Null: when the gateway stops, after
   * `defaultStopTimeoutMs`; when the worker is replaced, never.
   */
  readonly timeout: number | null;
}

export interface RouterConfig {
  readonly name: string;
  readonly default_flow: string | null;
  /** Flow that runs when a response is complete; null for none. */
  readonly tracing_flow: string | null;
  /** Clients that may connect; null when everybody may. */
  readonly ip_access_control: IpAccessConfig | null;
  /** Those that count. */
  readonly rules: readonly RuleConfig[];
}

/** Addresses and networks (`10.0.0.0/8`). */
export interface IpAccessConfig {
  /** Only these may connect; empty for all but those denied. */
  readonly permitted: readonly string[];
  readonly denied: readonly string[];
}

export interface RuleConfig {
  /** Upper-case methods, or `*` for any. */
  readonly method: readonly string[];
  readonly pattern: readonly string[];
  readonly flow: readonly string[];
}

export interface FlowConfig {
  readonly name: string;
  /** Bytes of bodies that are read; the defaults when absent. */
  readonly body_limits?: { readonly request: number; readonly response: number };
  /** Treatment of a request body that is to be read as JSON and is not; `refuse` when absent. */
  readonly unreadable_json?: 'refuse' | 'ignore';
  readonly filter: readonly FilterConfig[];
}

/** One place in a flow: a filter, or a choice between two lists of filters. */
export type FilterConfig = FilterPlace | BranchPlace;

export interface FilterPlace {
  readonly kind: 'filter';
  /** The condition that a request must meet; absent when the filter is for every request. */
  readonly when?: unknown;
  /** Name of the kind of filter, as registered. */
  readonly name: string;
  /** Validated and defaulted by the filter's schema. */
  readonly parameters: unknown;
  /** Where it stands in the configuration: `flow[0].filter[1].echo`. */
  readonly path: string;
}

/** `if`, `then`, `else`. */
export interface BranchPlace {
  readonly kind: 'branch';
  readonly condition: unknown;
  readonly whenMet: readonly FilterConfig[];
  readonly otherwise: readonly FilterConfig[];
  /** Where it stands in the configuration: `flow[0].filter[1].if`. */
  readonly path: string;
}

export interface ElasticsearchConfig {
  readonly name: string;
  /** Origins, `http://host:port`. */
  readonly endpoints: readonly string[];
  readonly basic_auth: { readonly username: string; readonly password: string } | null;
  /** Milliseconds. */
  readonly request_timeout: number;
  readonly request_compress: boolean;
  readonly discovery: DiscoveryConfig;
  readonly health_check: HealthCheckConfig;
  /** Null when nothing is limited. */
  readonly traffic_control: TrafficControlConfig | null;
  readonly tls: UpstreamTlsConfig;
  readonly http2: boolean;
}

export interface DiscoveryConfig {
  readonly enabled: boolean;
  /** Milliseconds; 0 asks only once. */
  readonly interval: number;
}

export interface HealthCheckConfig {
  readonly enabled: boolean;
  /** Milliseconds. */
  readonly interval: number;
  /** Milliseconds. */
  readonly timeout: number;
  /** Origin-form target. */
  readonly path: string;
  /** Statuses (`200`) and classes of them (`2xx`) that mean that a node is well; absent for the usual. */
  readonly expected_status?: readonly (number | string)[];
  /** Answers in a row after which a node that is down is used again. */
  readonly rise: number;
  /** Failures in a row after which a node is down. */
  readonly fall: number;
}

/** Limits for each node, over all workers; 0 means no limit. */
export interface TrafficControlConfig {
  readonly max_bytes_per_node: number;
  readonly max_qps_per_node: number;
  readonly max_connection_per_node: number;
  readonly max_wait_time_in_ms: number;
}

/** How to talk to nodes over TLS. Absolute paths, or null. */
export interface UpstreamTlsConfig {
  readonly ca_file: string | null;
  readonly cert_file: string | null;
  readonly key_file: string | null;
  readonly key_passphrase: string | null;
  readonly server_name: string | null;
  /** Whether nodes are accepted unverified; null: exactly when no authorities are given. */
  readonly skip_insecure_verify: boolean | null;
  /** Whether a verified certificate may be for another host. */
  readonly skip_domain_verify: boolean;
}

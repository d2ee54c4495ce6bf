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
  /** Enabled clusters only. */
  readonly elasticsearch: readonly ElasticsearchConfig[];
  /** Worker processes; `auto` is one for each processor. */
  readonly workers: number | 'auto';
  readonly path: PathConfig;
  readonly configs: { readonly auto_reload: boolean };
  readonly log: { readonly level: LogLevel };
}

/** Absolute paths. */
export interface PathConfig {
  readonly data: string;
  readonly logs: string;
  /** Folder of included files; null when the configuration names none. */
  readonly configs: string | null;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface EntryConfig {
  readonly name: string;
  /** Connections at one time, over all workers. */
  readonly max_concurrency: number;
  /** Name of the router that its requests go to. */
  readonly router: string;
  readonly network: NetworkConfig;
  readonly tls: TlsConfig;
  readonly drain: DrainConfig;
}

export interface NetworkConfig {
  /** Host name, IPv4 address, or IPv6 address without brackets, perhaps with `%zone`. */
  readonly host: string;
  readonly port: number;
  /** Address told to the outside, `host:port`; null when it is the one listened to. */
  readonly publish: string | null;
  readonly reuse_port: boolean;
  readonly skip_occupied_port: boolean;
}

export interface TlsConfig {
  readonly enabled: boolean;
  /** Absolute path, or null. */
  readonly cert_file: string | null;
  /** Absolute path, or null. */
  readonly key_file: string | null;
  readonly skip_insecure_verify: boolean;
}

export interface DrainConfig {
  /** How long a draining worker keeps a quiet connection after its last activity, ms. */
  readonly idle: number;
  /** When a draining worker ends what is left, ms. */
  readonly timeout: number;
}

export interface RouterConfig {
  readonly name: string;
  readonly default_flow: string | null;
  readonly rules: readonly RuleConfig[];
}

export interface RuleConfig {
  /** Upper-case methods, or `*` for any. */
  readonly method: readonly string[];
  readonly pattern: readonly string[];
  readonly flow: readonly string[];
}

export interface FlowConfig {
  readonly name: string;
  readonly filter: readonly FilterConfig[];
}

/** One place in a flow. */
export type FilterConfig = {
  readonly kind: 'filter';
  /** Name of the kind of filter, as registered. */
  readonly name: string;
  /** Validated and defaulted by the filter's schema. */
  readonly parameters: unknown;
  /** Where it stands in the configuration: `flow[0].filter[1].echo`. */
  readonly path: string;
};

export interface ElasticsearchConfig {
  readonly name: string;
  /** Origins, `http://host:port`. */
  readonly endpoints: readonly string[];
  readonly basic_auth: { readonly username: string; readonly password: string } | null;
  /** Milliseconds. */
  readonly request_timeout: number;
}

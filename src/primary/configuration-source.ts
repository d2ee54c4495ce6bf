import { loadConfiguration } from '../config/load.ts';
import { ConfigError, renderProblem, type WatchTargets } from '../config/problem.ts';
import type { GatewayConfig, LogLevel } from '../config/types.ts';
import { type ConfigurationWatcher, watchConfiguration } from '../config/source/watcher.ts';
import { reasonOf } from '../errors.ts';
import { isFurtherInstance } from './control/instances.ts';
import type { Dialect } from '../dialect.ts';
import type { EntryFiles } from '../tls/credentials.ts';

/** What reading the configuration came to. */
export interface LoadedConfiguration {
  /** Null when it cannot be used; `problems` then says why. */
  readonly config: GatewayConfig | null;
  /** Each with its place, as it is shown to people. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly watch: WatchTargets;
  /** What the TLS files of its entries hold, by entry. */
  readonly tlsFiles?: ReadonlyMap<string, EntryFiles>;
  /** What is thrown to whom wanted to start with this configuration. */
  readonly error?: unknown;
}

/** Where the primary's configuration comes from, and how it hears of changes. */
export interface ConfigurationSource {
  /** Reads everything anew; does not throw. */
  load(): Promise<LoadedConfiguration>;
  /** @param onTrouble told when changes are noticed later than they should be, or not at all */
  watch(
    targets: WatchTargets,
    onChange: () => void,
    onTrouble: (error: unknown) => void,
  ): Promise<ConfigurationWatcher>;
}

/** Configuration files, and folders of them. */
export class FileSource implements ConfigurationSource {
  readonly #paths: readonly string[];
  readonly #dialect: Dialect;
  readonly #ignoreUnsupported: boolean;
  /** What to go on watching when a load did not get as far as to say. */
  #watch: WatchTargets = { files: [], folders: [] };

  constructor(paths: readonly string[], dialect: Dialect, ignoreUnsupported = false) {
    this.#paths = paths;
    this.#dialect = dialect;
    this.#ignoreUnsupported = ignoreUnsupported;
  }

  async load(): Promise<LoadedConfiguration> {
    try {
      const { config, tlsFiles, warnings, watch } = await loadConfiguration({
        paths: this.#paths,
        ignoreUnsupported: this.#ignoreUnsupported,
        ...this.#dialect,
      });
      this.#watch = watch;
      return { config, tlsFiles, problems: [], warnings: warnings.map(renderProblem), watch };
    } catch (error) {
      if (!(error instanceof ConfigError)) {
        const problems = [reasonOf(error)];
        return { config: null, problems, warnings: [], watch: this.#watch, error };
      }
      this.#watch = error.watch;
      const problems = error.problems.map(renderProblem);
      const warnings = error.warnings.map(renderProblem);
      return { config: null, problems, warnings, watch: error.watch, error };
    }
  }

  watch(
    targets: WatchTargets,
    onChange: () => void,
    onTrouble: (error: unknown) => void,
  ): Promise<ConfigurationWatcher> {
    return watchConfiguration(targets, onChange, onTrouble);
  }
}

/** What holds instead of the configuration's values. */
export interface Overrides {
  /** path.data of the gateway that runs: to move it takes a restart. */
  readonly data: string | undefined;
  readonly logLevel: LogLevel | undefined;
}

/** The configuration as the gateway runs it: compared with it, a change that has no effect is none. */
export function asItRuns(
  loaded: LoadedConfiguration,
  { data, logLevel }: Overrides,
): LoadedConfiguration {
  const { config, warnings } = loaded;
  if (!config) return loaded;
  const { path } = config;
  const moved = data !== undefined && data !== path.data;
  const warning = isFurtherInstance(data ?? '', path.data)
    ? `other gateways run with this path.data; that of this one is ${data}`
    : `path.data stays ${data} until the next restart`;
  return {
    ...loaded,
    warnings: moved ? [...warnings, warning] : warnings,
    config: {
      ...config,
      path: { ...path, data: data ?? path.data },
      ...(logLevel && { log: { level: logLevel } }),
    },
  };
}

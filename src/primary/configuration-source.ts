import { loadConfiguration } from '../config/load.ts';
import { ConfigError, renderProblem, type WatchTargets } from '../config/problem.ts';
import type { GatewayConfig } from '../config/types.ts';
import { type ConfigurationWatcher, watchConfiguration } from '../config/source/watcher.ts';
import { reasonOf } from '../errors.ts';
import type { Dialect } from '../dialect.ts';
import type { EntryFiles } from '../tls/credentials.ts';

interface ReadConfiguration {
  readonly warnings: readonly string[];
  readonly watch: WatchTargets;
}

export interface UsableConfiguration extends ReadConfiguration {
  readonly ok: true;
  readonly config: GatewayConfig;
  /** Contents of the TLS files of its entries, by entry. */
  readonly tlsFiles: ReadonlyMap<string, EntryFiles>;
}

export interface RejectedConfiguration extends ReadConfiguration {
  readonly ok: false;
  /** For people, each with its place in the files. */
  readonly problems: readonly string[];
  /** Thrown when the first load of a gateway fails. */
  readonly error: unknown;
}

/** The outcome of reading the configuration. */
export type ConfigurationResult = UsableConfiguration | RejectedConfiguration;

/** Reads the configuration, and watches it for changes. */
export interface ConfigurationSource {
  /** Reads everything anew; does not throw. */
  load(): Promise<ConfigurationResult>;
  /** @param onTrouble called when changes are noticed later than they should be, or not at all */
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
  /** Watched on when a load fails before it has found its files. */
  #watch: WatchTargets = { files: [], folders: [] };

  constructor(paths: readonly string[], dialect: Dialect, ignoreUnsupported = false) {
    this.#paths = paths;
    this.#dialect = dialect;
    this.#ignoreUnsupported = ignoreUnsupported;
  }

  async load(): Promise<ConfigurationResult> {
    try {
      const { config, tlsFiles, warnings, watch } = await loadConfiguration({
        paths: this.#paths,
        ignoreUnsupported: this.#ignoreUnsupported,
        ...this.#dialect,
      });
      this.#watch = watch;
      return { ok: true, config, tlsFiles, warnings: warnings.map(renderProblem), watch };
    } catch (error) {
      if (!(error instanceof ConfigError)) {
        const problems = [reasonOf(error)];
        return { ok: false, problems, warnings: [], watch: this.#watch, error };
      }
      this.#watch = error.watch;
      const problems = error.problems.map(renderProblem);
      const warnings = error.warnings.map(renderProblem);
      return { ok: false, problems, warnings, watch: error.watch, error };
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

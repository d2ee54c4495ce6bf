import type { GatewayConfig } from '../config/types.ts';
import type {
  ConfigurationSource,
  RejectedConfiguration,
  UsableConfiguration,
} from './configuration-source.ts';
import { isFurtherInstance } from './instance/data-folder.ts';
import { descriptorWarnings } from './descriptor-need.ts';
import type { Candidate } from './generation.ts';
import { type PrimaryOptions, workersOf } from './options.ts';
import type { AutoReload } from './reload/auto-reload.ts';
import { completeCredentials } from './reload/certificates.ts';

/** Loads the configuration as this gateway runs it, with everything that its workers need. */
export class ConfigurationLoader {
  /**
   * `path.data` of this gateway once it holds the lock there. It takes a restart to move it, so
   * that it replaces the configuration's.
   */
  dataFolder: string | undefined;
  readonly #source: ConfigurationSource;
  readonly #autoReload: AutoReload;
  readonly #options: PrimaryOptions;

  constructor(options: PrimaryOptions, autoReload: AutoReload) {
    this.#source = options.source;
    this.#autoReload = autoReload;
    this.#options = options;
  }

  /** Reads everything anew; does not throw because of the configuration. */
  async load(): Promise<Candidate | RejectedConfiguration> {
    const result = await this.#source.load();
    await this.#autoReload.update(result.watch);
    return result.ok ? this.#complete(result) : result;
  }

  /** As `load`. @throws the reason why the configuration cannot be used */
  async loadUsable(): Promise<Candidate> {
    const result = await this.load();
    if (!result.ok) throw result.error;
    return result;
  }

  async #complete(usable: UsableConfiguration): Promise<Candidate> {
    const config = this.#override(usable.config);
    const workers = workersOf(config, this.#options);
    const { credentials, warnings } = await completeCredentials(config, usable.tlsFiles);
    return {
      ...usable,
      config,
      workers,
      credentials,
      warnings: [
        ...usable.warnings,
        ...this.#relocationWarnings(usable.config),
        ...warnings,
        ...descriptorWarnings(config, workers),
      ],
    };
  }

  /** Overrides apply first, so that an edit which they mask counts as unchanged. */
  #override(config: GatewayConfig): GatewayConfig {
    const { path } = config;
    const { logLevel } = this.#options;
    return {
      ...config,
      path: { ...path, data: this.dataFolder ?? path.data },
      ...(logLevel && { log: { level: logLevel } }),
    };
  }

  #relocationWarnings({ path }: GatewayConfig): string[] {
    const current = this.dataFolder;
    if (current === undefined || current === path.data) return [];
    return [
      isFurtherInstance(current, path.data)
        ? `other gateways run with this path.data; that of this one is ${current}`
        : `path.data stays ${current} until the next restart`,
    ];
  }
}

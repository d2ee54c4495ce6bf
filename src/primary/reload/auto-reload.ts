import type { WatchTargets } from '../../config/problem.ts';
import type { ConfigurationWatcher } from '../../config/source/watcher.ts';
import { reasonOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { ConfigurationSource } from '../configuration-source.ts';

/** Watches the configuration while `configs.auto_reload` says so. */
export class AutoReload {
  readonly #source: ConfigurationSource;
  readonly #log: Log;
  readonly #onChange: () => void;
  #watcher: ConfigurationWatcher | null = null;
  #targets: WatchTargets = { files: [], folders: [] };

  constructor(source: ConfigurationSource, log: Log, onChange: () => void) {
    this.#source = source;
    this.#log = log;
    this.#onChange = onChange;
  }

  /** The configuration, as it was just read, is made of these. */
  async update(targets: WatchTargets): Promise<void> {
    this.#targets = targets;
    await this.#watcher?.update(targets);
  }

  /** A configuration is in force that wants it, or does not. */
  async enable(wanted: boolean): Promise<void> {
    if (!wanted) await this.close();
    else this.#watcher ??= await this.#source.watch(this.#targets, this.#onChange, this.#onTrouble);
  }

  readonly #onTrouble = (error: unknown): void => {
    const reason = reasonOf(error);
    this.#log.warn(
      { reason },
      'the system reports no changes of the configuration files; they are looked at every 2 s',
    );
  };

  async close(): Promise<void> {
    const watcher = this.#watcher;
    this.#watcher = null;
    await watcher?.close();
  }
}

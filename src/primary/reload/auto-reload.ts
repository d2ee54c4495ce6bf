import type { WatchTargets } from '../../config/problem.ts';
import type { ConfigurationWatcher } from '../../config/source/watcher.ts';
import { reasonOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { ConfigurationSource } from '../configuration-source.ts';

/** Watches the configuration while `configs.auto_reload` is set. */
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

  /** Sets the files of the configuration that was just read. */
  async update(targets: WatchTargets): Promise<void> {
    this.#targets = targets;
    await this.#watcher?.update(targets);
  }

  /** Begins or ends to watch, as the active configuration requires. */
  async enable(isEnabled: boolean): Promise<void> {
    if (!isEnabled) await this.close();
    else this.#watcher ??= await this.#source.watch(this.#targets, this.#onChange, this.#onTrouble);
  }

  readonly #onTrouble = (error: unknown): void => {
    const reason = reasonOf(error);
    this.#log.warn(
      { reason },
      'the system does not report changes of the configuration files; checking them every 2 s',
    );
  };

  async close(): Promise<void> {
    const watcher = this.#watcher;
    this.#watcher = null;
    await watcher?.close();
  }
}

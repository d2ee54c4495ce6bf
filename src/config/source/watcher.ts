import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FSWatcher } from 'chokidar';

/** Files and folders of a configuration; absolute paths. */
export interface WatchTargets {
  readonly files: readonly string[];
  /** Folders whose list of files counts. */
  readonly folders: readonly string[];
}

export interface ConfigurationWatcher {
  /**
   * Watches these from now on. Targets that are new are reported once as changed: they may have
   * changed between being read and being watched, and only the caller knows what it read.
   */
  update(targets: WatchTargets): Promise<void>;
  close(): Promise<void>;
}

/** Quiet time after the last event before the files are looked at, ms. */
const SETTLE = 150;
/** How long a file that vanished may take to come back (an editor's rename), ms. */
const VANISHED_GRACE = 1000;
/** How often files are looked at without an event, ms. */
const POLL = 2000;

/**
 * Turns file events into one "changed". Events only say *when* to look: what counts is a fingerprint
 * of the content, so bursts, touches, editors that rename, and symlinks that are switched over
 * (Kubernetes replaces `..data`) all come out as one change or none. Folders are watched rather than
 * files, because a file that is replaced takes its watch along. There are changes without an event (a
 * symlink further up, a folder that was away, a network file system) and systems without events to
 * spare, so the files are looked at every two seconds as well.
 * @param onTrouble called once when there are no events to be had
 */
export async function watchConfiguration(
  targets: WatchTargets,
  onChange: () => void,
  onTrouble: (error: unknown) => void,
): Promise<ConfigurationWatcher> {
  const watcher = new TargetWatcher(onChange, onTrouble);
  await watcher.update(targets);
  return watcher;
}

class TargetWatcher implements ConfigurationWatcher {
  readonly #onChange: () => void;
  readonly #onTrouble: (error: unknown) => void;
  readonly #poll: NodeJS.Timeout;
  #targets: WatchTargets = { files: [], folders: [] };
  #known = '';
  #watched = '';
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** performance.now() */
  #missingSince = 0;
  /** How the files looked when they were last polled. */
  #outline = '';
  #isPolling = false;
  #hasTrouble = false;
  #closed = false;

  constructor(onChange: () => void, onTrouble: (error: unknown) => void) {
    this.#onChange = onChange;
    this.#onTrouble = onTrouble;
    this.#poll = setInterval(() => void this.#lookAtOutline(), POLL).unref();
  }

  async update(targets: WatchTargets): Promise<void> {
    const before = JSON.stringify(this.#targets);
    this.#targets = targets;
    if (JSON.stringify(targets) !== before) this.#known = '';
    await this.#follow(targets);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    if (this.#timer) clearTimeout(this.#timer);
    await this.#watcher?.close();
  }

  /** Watches the folders that matter now, and looks, for what happened before the watch stood. */
  async #follow(targets: WatchTargets): Promise<void> {
    const folders = await foldersOf(targets);
    const watched = folders.join('\n');
    if (watched !== this.#watched && !this.#hasTrouble) {
      this.#watched = watched;
      await this.#watcher?.close();
      // Loaded when a gateway serves already: only then it begins to watch.
      const { watch } = await import('chokidar');
      if (this.#closed) return;
      const watcher = watch(folders, { depth: 0, ignoreInitial: true, followSymlinks: false });
      this.#watcher = watcher;
      const look = (): void => this.#lookSoon();
      // `raw` too: a symlink that is switched over has no event of its own.
      watcher.on('all', look).on('raw', look);
      await new Promise<void>((resolve) => {
        watcher.once('ready', resolve);
        watcher.on('error', (error) => {
          this.#fail(error);
          resolve();
        });
      });
    }
    this.#lookSoon();
  }

  /** Without events, or without some of them. */
  #fail(error: unknown): void {
    this.#lookSoon();
    if (this.#hasTrouble || this.#closed) return;
    this.#hasTrouble = true;
    this.#onTrouble(error);
  }

  async #lookAtOutline(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    const { files, folders } = this.#targets;
    const outline = (await Promise.all([...files, ...folders].map(outlineOf))).join('\n');
    this.#isPolling = false;
    if (outline === this.#outline) return;
    this.#outline = outline;
    this.#lookSoon();
  }

  #lookSoon(): void {
    if (this.#closed) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), SETTLE);
  }

  async #look(): Promise<void> {
    this.#timer = null;
    const targets = this.#targets;
    const seen = await fingerprint(targets);
    if (this.#closed || targets !== this.#targets || this.#timer) return;
    if (seen.digest === this.#known) {
      this.#missingSince = 0;
      return;
    }
    if (seen.missing) {
      this.#missingSince ||= performance.now();
      if (performance.now() - this.#missingSince < VANISHED_GRACE) {
        this.#lookSoon();
        return;
      }
    }
    this.#missingSince = 0;
    this.#known = seen.digest;
    // Switching a symlink over can move the real files to a folder not watched yet.
    await this.#follow(targets);
    if (!this.#closed) this.#onChange();
  }
}

/** Every folder in which an event can mean a change: of the paths as named, and as they resolve. */
async function foldersOf(targets: WatchTargets): Promise<string[]> {
  const folders = new Set<string>(targets.folders);
  for (const path of targets.files) {
    folders.add(dirname(path));
    const real = await realpath(path).catch(() => null);
    if (real) folders.add(dirname(real));
  }
  return [...folders].sort();
}

/** A value that changes with the content of the file or folder at the path. */
async function outlineOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => null);
  if (found === null) return 'missing';
  return `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
}

/** A digest over every target's content, and whether a file that was read is not there now. */
async function fingerprint(targets: WatchTargets): Promise<{ digest: string; missing: boolean }> {
  const hash = createHash('sha256');
  let missing = false;
  for (const folder of targets.folders) {
    const names = await readdir(folder).catch(() => []);
    const counted = names.filter((name) => /\.(ya?ml|json|tpl)$/.test(name)).sort();
    hash.update(`${folder}\0${counted.join('\0')}\0`);
  }
  for (const path of targets.files) {
    const content = await readFile(path).catch(() => null);
    missing ||= content === null;
    hash.update(`${path}\0`).update(content ?? '\0missing');
  }
  return { digest: hash.digest('hex'), missing };
}

import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { reasonOf } from '../../errors.ts';
import type { Place, ProblemList, WatchTargets } from '../problem.ts';

const extensions = ['.yml', '.yaml', '.json', '.tpl'];
const patterns = extensions.map((extension) => `*${extension}`).join(', ');

function isConfiguration(name: string): boolean {
  return !name.startsWith('.') && extensions.some((extension) => name.endsWith(extension));
}

/** In name order; what may be the template of another file comes after all that may name it. */
function templatesLast(one: string, other: string): number {
  const [first, second] = [one.endsWith('.tpl'), other.endsWith('.tpl')];
  if (first !== second) return first ? 1 : -1;
  return one < other ? -1 : 1;
}

/** A configuration file, read. */
export interface SourceFile {
  /** As messages call it. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

/** Reads configuration files, and remembers what has to be watched and where each file lies. */
export class SourceReader {
  readonly #cwd: string;
  readonly #problems: ProblemList;
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();
  readonly #read = new Set<string>();
  readonly #named = new Set<string>();
  readonly #paths = new Map<string, string>();

  constructor(cwd: string, problems: ProblemList) {
    this.#cwd = resolve(cwd);
    this.#problems = problems;
  }

  get watch(): WatchTargets {
    return { files: [...this.#files], folders: [...this.#folders] };
  }

  /** Names of the files in messages, in the order in which they were read. */
  get names(): readonly string[] {
    return [...this.#paths.keys()];
  }

  /** Whether a configuration names this file, so that it counts where it is named only. */
  isNamed(path: string): boolean {
    return this.#named.has(path);
  }

  /** Another file that the configuration depends on. */
  watchFile(path: string): void {
    this.#files.add(path);
  }

  /** Absolute path of the file that messages call `name`. */
  pathOf(name: string): string {
    return this.#paths.get(name) ?? resolve(this.#cwd, name);
  }

  /**
   * The files that a path given by the user stands for: itself, or those of a folder in name order.
   * A file that was read before is not read again. A folder without any is an error, unless it is
   * `included`.
   */
  async readAll(given: string, included = false): Promise<SourceFile[]> {
    const path = resolve(this.#cwd, given);
    const place = { file: given, line: 0, column: 0 };
    try {
      if (!(await stat(path)).isDirectory()) return await this.#readNew(given, path);
      this.#folders.add(path);
      const sources: SourceFile[] = [];
      const names = (await readdir(path)).filter(isConfiguration).sort(templatesLast);
      if (names.length === 0 && !included) {
        this.#problems.error(place, [], `has no configuration file (${patterns})`);
      }
      for (const name of names) {
        sources.push(...(await this.#readNew(join(given, name), join(path, name))));
      }
      return sources;
    } catch (error) {
      this.#files.add(path);
      this.#paths.set(given, path);
      this.#problems.error(place, [], cannotRead(error));
      return [];
    }
  }

  /** The files of a folder that the configuration names at `place`; a missing one is a warning. */
  async readIncluded(folder: string, place: Place): Promise<SourceFile[]> {
    const isFolder = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isFolder) return this.readAll(this.#nameOf(folder), true);
    this.#folders.add(folder);
    const message = `there is no folder ${folder}; nothing is included`;
    this.#problems.warning(place, ['path', 'configs'], message);
    return [];
  }

  /** One file that the configuration names at `place`; undefined when it cannot be read. */
  async readNamed(
    path: string,
    place: Place,
    key: readonly (string | number)[],
  ): Promise<SourceFile | undefined> {
    this.#files.add(path);
    this.#named.add(path);
    try {
      return await this.#readText(this.#nameOf(path), path);
    } catch (error) {
      this.#problems.error(place, key, `${path} ${cannotRead(error)}`);
      return undefined;
    }
  }

  async #readNew(name: string, path: string): Promise<SourceFile[]> {
    this.#files.add(path);
    const real = await realpath(path);
    if (this.#read.has(real)) return [];
    this.#read.add(real);
    try {
      return [await this.#readText(name, path)];
    } catch (error) {
      this.#problems.error({ file: name, line: 0, column: 0 }, [], cannotRead(error));
      return [];
    }
  }

  async #readText(name: string, path: string): Promise<SourceFile> {
    this.#paths.set(name, path);
    const bytes = await readFile(path);
    return { name, path, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  }

  /** Relative to the working directory when it lies below it. */
  #nameOf(path: string): string {
    const below = relative(this.#cwd, path);
    return below === '' || below.startsWith('..') ? path : below;
  }
}

function cannotRead(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES') return 'cannot be read: permission denied';
  if (code === 'EISDIR') return 'cannot be read: it is a folder';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return `cannot be read: ${reasonOf(error)}`;
}

/** Copies of this program, as if they were versions that are installed beside each other. */
import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A folder of programs, and the symbolic link `current` to one of them. */
export class InstalledPrograms {
  readonly #folder: string;
  #switches = 0;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** Path of the command line by way of the link, whatever it leads to. */
  get cli(): string {
    return join(this.#folder, 'current', 'src', 'cli.ts');
  }

  /** Installs a copy under this version. */
  install(version: string): this {
    const folder = this.folderOf(version);
    cpSync(join(root, 'src'), join(folder, 'src'), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    return this.installOver(version, version);
  }

  /** Puts a version in the place of an installed one. */
  installOver(before: string, version: string): this {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as object;
    const file = join(this.folderOf(before), 'package.json');
    writeFileSync(file, JSON.stringify({ ...manifest, version }));
    return this;
  }

  folderOf(version: string): string {
    return join(this.#folder, version);
  }

  /** Lets the link lead to another version, as installers do: in one step. */
  use(version: string): this {
    const draft = join(this.#folder, `switch-${++this.#switches}`);
    symlinkSync(version, draft);
    renameSync(draft, join(this.#folder, 'current'));
    return this;
  }
}

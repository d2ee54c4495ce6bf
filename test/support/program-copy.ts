/** Copies of this program, as if they were versions that are installed beside each other. */
import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cli } from './program-path.ts';

/** `src`, or the `dist` of a build. */
const code = dirname(cli);
const root = dirname(code);
const packages = fileURLToPath(new URL('../../node_modules', import.meta.url));

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
    return this.cliOf('current');
  }

  /** Installs a copy under this version. */
  install(version: string): this {
    const folder = this.folderOf(version);
    cpSync(code, join(folder, basename(code)), { recursive: true });
    symlinkSync(packages, join(folder, 'node_modules'));
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

  cliOf(version: string): string {
    return join(this.folderOf(version), basename(code), basename(cli));
  }

  /** Lets the link lead to another version, as installers do: in one step. */
  use(version: string): this {
    const draft = join(this.#folder, `switch-${++this.#switches}`);
    symlinkSync(version, draft);
    renameSync(draft, join(this.#folder, 'current'));
    return this;
  }
}

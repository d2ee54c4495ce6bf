import { readFile, stat } from 'node:fs/promises';

/** How often a file is looked at, ms. */
const lookMs = 1000;

/** A file of the system, parsed when it is first needed and again when it has changed. */
export class SystemFile<Content> {
  readonly #path: string;
  readonly #parse: (text: string) => Content;
  #content: Promise<Content> | null = null;
  #lookAt = 0;
  #seen = '';

  /** @param parse is given no text when the file cannot be read */
  constructor(path: string, parse: (text: string) => Content) {
    this.#path = path;
    this.#parse = parse;
  }

  read(): Promise<Content> {
    const now = performance.now();
    if (this.#content !== null && now < this.#lookAt) return this.#content;
    this.#lookAt = now + lookMs;
    this.#content = this.#look(this.#content);
    return this.#content;
  }

  async #look(before: Promise<Content> | null): Promise<Content> {
    const found = await stat(this.#path, { bigint: true }).catch(() => null);
    const seen = found === null ? 'none' : `${found.ino} ${found.size} ${found.mtimeNs}`;
    if (before !== null && seen === this.#seen) return before;
    this.#seen = seen;
    return this.#parse(await readFile(this.#path, 'utf8').catch(() => ''));
  }
}

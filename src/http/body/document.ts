import { type JsonPath, readAt, removeAt, writeAt } from './json-path.ts';

/**
 * A body in memory as text and as JSON. Each is made when first asked for, and once. What an edit
 * does not touch keeps its value to the last digit: numbers that JavaScript would write in another
 * way stay as they were written.
 */
export class BodyDocument {
  readonly #bytes: Buffer;
  #text: string | undefined;
  #json: unknown;
  #parsed: 'no' | 'for reading' | 'for editing' = 'no';
  /** Whether an edit has made the bytes out of date. */
  edited = false;

  /** `bytes` are plain, not compressed. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The body as UTF-8 text. */
  get text(): string {
    this.#text ??= this.edited ? JSON.stringify(this.#json) : this.#bytes.toString();
    return this.#text;
  }

  /** The body as JSON; undefined when it is none. Not to be changed. */
  get json(): unknown {
    if (this.#parsed === 'no') {
      this.#parsed = 'for reading';
      this.#json = parseOr(this.text, undefined);
    }
    return this.#json;
  }

  /** The JSON value at `path`, or undefined. */
  read(path: JsonPath): unknown {
    return readAt(this.json, path);
  }

  /** Puts `value` at `path`; false when the body is no JSON object or list. */
  write(path: JsonPath, value: unknown): boolean {
    const root = this.#editable();
    if (root === null) return false;
    writeAt(root, path, value);
    return this.#noteEdit();
  }

  /** Removes what stands at `path`; false when there is nothing. */
  remove(path: JsonPath): boolean {
    const root = this.#editable();
    return root !== null && removeAt(root, path) && this.#noteEdit();
  }

  /** The bytes, with the edits. */
  toBuffer(): Buffer {
    return this.edited ? Buffer.from(this.text) : this.#bytes;
  }

  #noteEdit(): true {
    this.edited = true;
    this.#text = undefined;
    return true;
  }

  #editable(): object | null {
    if (this.#parsed !== 'for editing') {
      this.#json = parseOr(this.text === '' ? '{}' : this.text, keepNumbers);
      this.#parsed = 'for editing';
    }
    return typeof this.#json === 'object' ? this.#json : null;
  }
}

type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

function keepNumbers(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value;
  return JSON.rawJSON(source);
}

function parseOr(text: string, reviver: Reviver | undefined): unknown {
  try {
    return JSON.parse(text, reviver as Parameters<typeof JSON.parse>[1]);
  } catch {
    return undefined;
  }
}

import { type FieldLines, fieldLine, findInLines, nameBit, parseLines } from './raw-lines.ts';
import { isIllegalValue, isNamed, isToken } from './syntax.ts';
import { dropOfConnection, isOfConnection, staysHere } from './hop-by-hop.ts';

/**
 * Header fields in wire order, as one flat array `[name, value, name, value, …]`, the form that the
 * parsers produce: passing them on copies nothing. Names keep their case; look-ups ignore it. Lists are
 * short, so a scan is cheaper than a map built per request.
 *
 * Fields that came as plain lines stay lines until somebody does more to them than to look one up or
 * to add some: see `passed`.
 */
export class HeaderList {
  /** Null as long as only the lines are there. */
  #raw: string[] | null;
  /** The lines as they came; null once the array alone counts. */
  #lines: FieldLines | null;
  /** Lines that were added. */
  #added = '';
  #names = 0;
  /** Whether fields of the connection do not count. */
  #dropped = false;
  /** Whether fields that are set from now on are noted. */
  #noting = false;
  /** Fields that were set since then, as a flat array; null when there are none. */
  #noted: string[] | null = null;

  constructor(fields: string[] | FieldLines = []) {
    if (Array.isArray(fields)) {
      this.#raw = fields;
      this.#lines = null;
    } else {
      this.#raw = null;
      this.#lines = fields;
      this.#names = fields.names;
    }
  }

  /** The fields as a flat array, to be read and changed: it alone counts from now on, no lines do. */
  asArray(): string[] {
    const raw = this.#fields();
    this.#lines = null;
    return raw;
  }

  /** The lines that go on to the next one as they are; null when only the array tells. */
  get passed(): string | null {
    return this.#lines === null ? null : this.#lines.passed + this.#added;
  }

  /** Characters of all fields, with four for each besides. */
  get size(): number {
    if (this.#lines !== null) return this.#lines.all.length + this.#added.length;
    return this.#fields().reduce((size, text) => size + text.length + 2, 0);
  }

  /** First value of `name` (any case), or undefined. */
  get(name: string): string | undefined {
    if (this.#lines !== null && this.#raw === null) return this.#find(this.#lines, name);
    const index = this.#indexOf(name, 0);
    return index < 0 ? undefined : this.#fields()[index + 1];
  }

  /** All values of `name`, in wire order. */
  getAll(name: string): string[] {
    const raw = this.#fields();
    const values: string[] = [];
    for (let i = this.#indexOf(name, 0); i >= 0; i = this.#indexOf(name, i + 2)) {
      values.push(raw[i + 1] as string);
    }
    return values;
  }

  /** All values of `name`, joined by commas as the HTTP rules allow, or undefined. */
  getJoined(name: string): string | undefined {
    if (!this.has(name)) return undefined;
    return this.getAll(name).join(', ');
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** From now on it notes which fields are set or appended: see `own`. */
  noteChanges(): void {
    this.#noting = true;
  }

  /** Fields that were set since `noteChanges`, or all of them without it, as a flat array. */
  get own(): readonly string[] {
    return this.#noting ? (this.#noted ?? []) : this.#fields();
  }

  /** Replaces every field of that name by one, in the place of the first; appends if none. */
  set(name: string, value: string): void {
    if (!this.has(name)) {
      this.append(name, value);
      return;
    }
    if (this.#noting) {
      this.#forget(name);
      (this.#noted ??= []).push(name, value);
    }
    const raw = this.asArray();
    const first = this.#indexOf(name, 0);
    raw[first] = name;
    raw[first + 1] = value;
    this.#removeFrom(name, first + 2);
  }

  append(name: string, value: string): void {
    if (this.#noting) (this.#noted ??= []).push(name, value);
    if (this.#lines === null) {
      this.#fields().push(name, value);
      return;
    }
    // What must not be on the wire, or depends on the framing, is left to whoever writes it.
    const goesOn = !staysHere(name) && !isNamed(name, 'trailer');
    if (!goesOn || !isToken(name) || isIllegalValue(value)) {
      this.asArray().push(name, value);
      return;
    }
    this.#added += fieldLine(name, value);
    this.#names |= nameBit(name);
    this.#raw?.push(name, value);
  }

  /** Appends lines with these names if there is no field of any of them; false when there is one. */
  appendNew({ passed, names }: FieldLines, named: readonly string[]): boolean {
    if (this.#lines === null || this.#raw !== null) return false;
    for (const name of named) if (this.has(name)) return false;
    this.#added += passed;
    this.#names |= names;
    return true;
  }

  remove(name: string): void {
    if (!this.has(name)) return;
    this.#forget(name);
    this.asArray();
    this.#removeFrom(name, 0);
  }

  /** Takes out what concerns the connection alone that the message came by. */
  removeOfConnection(): void {
    if (this.#lines === null) dropOfConnection(this.#fields());
    else {
      this.#dropped = true;
      if (this.#raw !== null) dropOfConnection(this.#raw);
    }
  }

  /** Calls `visit(name, value)` for each field, in wire order. */
  forEach(visit: (name: string, value: string) => void): void {
    const raw = this.#fields();
    for (let i = 0; i < raw.length; i += 2) visit(raw[i] as string, raw[i + 1] as string);
  }

  clone(): HeaderList {
    const copy = new HeaderList(this.#fields().slice());
    copy.#noting = this.#noting;
    copy.#noted = this.#noted?.slice() ?? null;
    return copy;
  }

  /** The fields, which are not to be changed without the lines. */
  #fields(): string[] {
    if (this.#raw !== null) return this.#raw;
    const raw = parseLines((this.#lines?.all ?? '') + this.#added);
    if (this.#dropped) dropOfConnection(raw);
    this.#raw = raw;
    return raw;
  }

  #find({ all }: FieldLines, name: string): string | undefined {
    if ((this.#names & nameBit(name)) === 0) return undefined;
    if (this.#dropped && isOfConnection(name)) return undefined;
    return findInLines(all, name) ?? findInLines(this.#added, name);
  }

  #indexOf(name: string, from: number): number {
    const raw = this.#fields();
    const { length } = name;
    const initial = name.charCodeAt(0) | 0x20;
    let lower: string | undefined;
    for (let i = from; i < raw.length; i += 2) {
      const candidate = raw[i] as string;
      if (candidate.length !== length || (candidate.charCodeAt(0) | 0x20) !== initial) continue;
      if (candidate === name) return i;
      lower ??= name.toLowerCase();
      if (candidate.toLowerCase() === lower) return i;
    }
    return -1;
  }

  /** A field of that name is not noted any more. */
  #forget(name: string): void {
    if (this.#noted === null) return;
    const lower = name.toLowerCase();
    const noted = this.#noted;
    this.#noted = noted.filter((_, i) => noted[i - (i % 2)]?.toLowerCase() !== lower);
  }

  #removeFrom(name: string, from: number): void {
    for (let i = this.#indexOf(name, from); i >= 0; i = this.#indexOf(name, i)) {
      this.#fields().splice(i, 2);
    }
  }
}

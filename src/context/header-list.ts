/**
 * Header fields in wire order, as one flat array `[name, value, name, value, …]`, which is how
 * node:http, undici and our own parser give them: passing them on copies nothing. Names keep their
 * case; look-ups ignore it. Lists are short, so a scan is cheaper than a map built per request.
 */
export class HeaderList {
  readonly raw: string[];

  constructor(raw: string[] = []) {
    this.raw = raw;
  }

  /** First value of `name` (any case), or undefined. */
  get(name: string): string | undefined {
    const index = this.#indexOf(name, 0);
    return index < 0 ? undefined : this.raw[index + 1];
  }

  /** All values of `name`, in wire order. */
  getAll(name: string): string[] {
    const values: string[] = [];
    for (let i = this.#indexOf(name, 0); i >= 0; i = this.#indexOf(name, i + 2)) {
      values.push(this.raw[i + 1] as string);
    }
    return values;
  }

  /** All values of `name`, joined by commas as the HTTP rules allow, or undefined. */
  getJoined(name: string): string | undefined {
    const first = this.#indexOf(name, 0);
    if (first < 0) return undefined;
    let joined = this.raw[first + 1] as string;
    for (let i = this.#indexOf(name, first + 2); i >= 0; i = this.#indexOf(name, i + 2)) {
      joined += `, ${this.raw[i + 1]}`;
    }
    return joined;
  }

  has(name: string): boolean {
    return this.#indexOf(name, 0) >= 0;
  }

  /** Replaces every field of that name by one, in the place of the first; appends if none. */
  set(name: string, value: string): void {
    const first = this.#indexOf(name, 0);
    if (first < 0) {
      this.raw.push(name, value);
      return;
    }
    this.raw[first] = name;
    this.raw[first + 1] = value;
    this.#removeFrom(name, first + 2);
  }

  append(name: string, value: string): void {
    this.raw.push(name, value);
  }

  remove(name: string): void {
    this.#removeFrom(name, 0);
  }

  /** Calls `visit(name, value)` for each field, in wire order. */
  forEach(visit: (name: string, value: string) => void): void {
    const { raw } = this;
    for (let i = 0; i < raw.length; i += 2) visit(raw[i] as string, raw[i + 1] as string);
  }

  clone(): HeaderList {
    return new HeaderList(this.raw.slice());
  }

  #indexOf(name: string, from: number): number {
    const { raw } = this;
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

  #removeFrom(name: string, from: number): void {
    for (let i = this.#indexOf(name, from); i >= 0; i = this.#indexOf(name, i)) {
      this.raw.splice(i, 2);
    }
  }
}

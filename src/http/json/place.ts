import type { JsonPath } from './path.ts';

/** A place in a JSON text that somebody asks for, or one on the way there, and where it was found. */
export class JsonPlace {
  readonly #inner = new Map<string, JsonPlace>();
  /** Lengths of the names in #inner, in bytes: no other name without an escape needs to be decoded. */
  readonly #lengths = new Set<number>();
  /** The largest index in #inner; -1 when there is none. */
  #lastIndex = -1;
  kind: 'none' | 'scalar' | 'object' | 'list' = 'none';
  /** Where its value stands. */
  start = 0;
  end = 0;
  /** Where its member begins: the value with its name, where it has one. */
  memberStart = 0;
  /** End of the member before it; -1 when it is the first one. */
  previousEnd = -1;
  /** Of a container: how many members it has, and where the last one ends, or the first would begin. */
  count = 0;
  lastEnd = 0;
  /** The names of its members, for who wants to know them; null for nobody. */
  names: string[] | null = null;
  /** The value, once it was asked for. */
  value: unknown;

  get found(): boolean {
    return this.kind !== 'none';
  }

  /** Whether no path leads further. */
  get isLast(): boolean {
    return this.#inner.size === 0 && this.names === null;
  }

  at(step: string): JsonPlace | null {
    return this.#inner.get(step) ?? null;
  }

  /** The place of the next item, of a list. */
  get nextItem(): JsonPlace | null {
    return this.count > this.#lastIndex ? null : this.at(`${this.count}`);
  }

  /** The place below the name that stands from `start` to `end`, with its quotes. */
  named(bytes: Buffer, start: number, end: number): JsonPlace | null {
    this.names?.push(JSON.parse(bytes.toString('utf8', start, end)) as string);
    if (bytes.subarray(start, end).includes(0x5c)) {
      return this.at(JSON.parse(bytes.toString('utf8', start, end)) as string);
    }
    if (!this.#lengths.has(end - start - 2)) return null;
    return this.at(bytes.toString('utf8', start + 1, end - 1));
  }

  /** The value begins at `start`. */
  begin(start: number, memberStart: number, container: JsonPlace | null): void {
    this.kind = 'scalar';
    this.start = start;
    this.memberStart = memberStart;
    if (container !== null && container.count > 0) this.previousEnd = container.lastEnd;
  }

  /** The value is a container, whose members begin at `start`. */
  open(isObject: boolean, start: number): void {
    this.kind = isObject ? 'object' : 'list';
    this.lastEnd = start;
  }

  addMember(end: number): void {
    this.count++;
    this.lastEnd = end;
  }

  /** Has `path` looked for as well. */
  add(path: JsonPath): void {
    const [step, ...rest] = path;
    if (step === undefined) return;
    const name = `${step}`;
    let inner = this.at(name);
    if (inner === null) {
      inner = new JsonPlace();
      this.#inner.set(name, inner);
      this.#lengths.add(Buffer.byteLength(name));
      if (/^\d+$/.test(name)) this.#lastIndex = Math.max(this.#lastIndex, Number(name));
    }
    inner.add(rest);
  }

  /** The places along `path` from here on, as far as they were asked for. */
  along(path: JsonPath): JsonPlace[] {
    const places: JsonPlace[] = [this];
    for (const step of path) {
      const inner = (places.at(-1) as JsonPlace).at(`${step}`);
      if (inner === null) break;
      places.push(inner);
    }
    return places;
  }
}

/** The root of the places that those paths lead to. */
export function placesOf(paths: Iterable<JsonPath>): JsonPlace {
  const root = new JsonPlace();
  for (const path of paths) root.add(path);
  return root;
}

import { isUtf8 } from 'node:buffer';
import { GatewayError } from '../../errors.ts';
import { JsonFault } from './fault.ts';
import type { JsonPath } from './path.ts';
import { JsonPlace, placesOf } from './place.ts';
import { numberEnd, skipBlanks, stringEnd, wordEnd } from './tokens.ts';

/** Levels of nesting, as many as Elasticsearch takes. */
const deepest = 1000;

/** What comes next. */
const Next = {
  value: 0,
  firstItem: 1,
  item: 2,
  firstName: 3,
  name: 4,
  colon: 5,
  comma: 6,
  nothing: 7,
};
const inObject = 1;
const inList = 2;

/**
 * Reads a JSON text from its first byte to its last, and notes where the values at some paths stand. It
 * makes no tree: it holds a byte for each level and a place for each path, whatever the text is, and
 * it can stop after some bytes and go on later.
 *
 * The grammar is that of Elasticsearch, which is RFC 8259 with comments (`/* … *\/` and `// …` to the
 * end of the line) wherever a blank may stand. The text is UTF-8; a byte order mark may precede it. It
 * holds one value, or none. All else is a fault: other encodings, bytes that are not UTF-8, control
 * characters in strings, NaN, leading zeros, names without quotes, a comma too many, a name twice
 * where a path leads along, more than 1,000 levels, anything after the value.
 *
 * No library does this: `jsonc-parser` recurses, and its scanner lets faults pass.
 */
export class JsonScan {
  readonly root: JsonPlace;
  readonly #bytes: Buffer;
  readonly #kinds = new Uint8Array(deepest + 1);
  /** The places of the open containers; null for one that no path leads into. */
  readonly #places: (JsonPlace | null)[] = [null];
  #depth = 0;
  #at: number;
  #next = Next.value;
  /** The place of the value that comes. */
  #coming: JsonPlace | null;
  #memberStart = 0;
  #isText = false;
  /** End of the last string, or how far it has been read. */
  #stringEnd = 0;

  constructor(bytes: Buffer, paths: Iterable<JsonPath>) {
    this.root = placesOf(paths);
    this.#bytes = bytes;
    this.#coming = this.root;
    const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    this.#at = this.#memberStart = marked ? 3 : 0;
  }

  /** Reads about `count` bytes further; true when all is read. @throws JsonFault */
  advance(count: number): boolean {
    const bytes = this.#bytes;
    if (!this.#isText) {
      if (!isUtf8(bytes)) throw new JsonFault('it is not UTF-8');
      this.#isText = true;
    }
    const stop = Math.max(this.#at, this.#stringEnd) + count;
    let at = this.#at;
    while (at < stop) {
      at = skipBlanks(bytes, at, stop);
      if (at === bytes.length) {
        const empty = this.#next === Next.value && this.#depth === 0;
        if (!empty && this.#next !== Next.nothing) throw new JsonFault('it ends too early', at);
        return true;
      }
      if (at >= stop) break;
      if (bytes[at] === 0x22 && !this.#readString(at, stop)) break;
      at = this.#step(bytes[at] as number, at);
    }
    this.#at = at;
    return false;
  }

  /** Reads a string up to its end; false when `stop` came before that. */
  #readString(start: number, stop: number): boolean {
    const end = stringEnd(this.#bytes, Math.max(start + 1, this.#stringEnd), stop);
    this.#stringEnd = end < 0 ? ~end : end;
    return end >= 0;
  }

  /** Takes the token that begins at `at`, where `byte` is; gives its end. */
  #step(byte: number, at: number): number {
    switch (this.#next) {
      case Next.firstItem:
        if (byte === 0x5d) return this.#close(at);
        this.#expectItem(at);
        return this.#value(byte, at);
      case Next.item:
        this.#expectItem(at);
        return this.#value(byte, at);
      case Next.value:
        return this.#value(byte, at);
      case Next.firstName:
        if (byte === 0x7d) return this.#close(at);
        return this.#name(byte, at);
      case Next.name:
        return this.#name(byte, at);
      case Next.colon:
        if (byte !== 0x3a) throw unexpected(at);
        this.#next = Next.value;
        return at + 1;
      case Next.comma:
        return this.#separator(byte, at);
      default:
        throw new JsonFault('something follows the value', at, true);
    }
  }

  #separator(byte: number, at: number): number {
    const isObject = this.#kinds[this.#depth] === inObject;
    if (byte === (isObject ? 0x7d : 0x5d)) return this.#close(at);
    if (byte !== 0x2c) throw unexpected(at);
    this.#next = isObject ? Next.name : Next.item;
    return at + 1;
  }

  /** An item of a list begins at `at`. */
  #expectItem(at: number): void {
    const place = this.#places[this.#depth] as JsonPlace | null;
    this.#memberStart = at;
    this.#coming = place === null ? null : place.nextItem;
  }

  #name(byte: number, at: number): number {
    if (byte !== 0x22) throw unexpected(at);
    const bytes = this.#bytes;
    const end = this.#stringEnd;
    this.#next = Next.colon;
    this.#coming = null;
    const place = this.#places[this.#depth] as JsonPlace | null;
    if (place === null || place.isLast) return end;
    const inner = place.named(bytes, at, end);
    if (inner === null) return end;
    if (inner.found)
      throw new JsonFault(`the name ${bytes.toString('utf8', at, end)} is there twice`, at);
    this.#coming = inner;
    this.#memberStart = at;
    return end;
  }

  #value(byte: number, at: number): number {
    const place = this.#coming;
    if (place !== null) {
      const container = this.#places[this.#depth] as JsonPlace | null;
      place.begin(at, this.#memberStart, container);
    }
    if (byte === 0x7b || byte === 0x5b) return this.#open(byte, at, place);
    const bytes = this.#bytes;
    let end: number;
    if (byte === 0x22) end = this.#stringEnd;
    else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) end = numberEnd(bytes, at);
    else end = wordEnd(bytes, at);
    this.#ended(place, end);
    return end;
  }

  #open(byte: number, at: number, place: JsonPlace | null): number {
    if (this.#depth === deepest) throw new JsonFault(`it has more than ${deepest} levels`, at);
    this.#depth++;
    this.#kinds[this.#depth] = byte === 0x7b ? inObject : inList;
    this.#places[this.#depth] = place;
    if (place !== null) place.open(byte === 0x7b, at + 1);
    this.#next = byte === 0x7b ? Next.firstName : Next.firstItem;
    this.#coming = null;
    return at + 1;
  }

  #close(at: number): number {
    const place = this.#places[this.#depth] as JsonPlace | null;
    this.#depth--;
    this.#ended(place, at + 1);
    return at + 1;
  }

  /** A value is complete, and with it a member of its container. */
  #ended(place: JsonPlace | null, end: number): void {
    if (place !== null) place.end = end;
    this.#next = this.#depth === 0 ? Next.nothing : Next.comma;
    const container = this.#places[this.#depth];
    if (container) container.addMember(end);
  }
}

/** How much is read in one turn of the event loop, bytes. */
const turn = 512 << 10;

/** Reads it all, in many turns: others have theirs in between. No further once `isGone`. @throws JsonFault */
export async function scanInTurns(scan: JsonScan, isGone: () => boolean): Promise<void> {
  while (!scan.advance(turn)) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await new Promise((resolve) => setImmediate(resolve));
    if (isGone()) throw new GatewayError('CLIENT_GONE');
  }
}

function unexpected(at: number): JsonFault {
  return new JsonFault('unexpected character', at);
}

import { GatewayError } from '../../errors.ts';
import { withoutValue, withValue } from './edit.ts';
import { JsonFault } from './fault.ts';
import type { JsonPath } from './path.ts';
import type { JsonPlace } from './place.ts';
import { JsonScan, scanInTurns } from './scan.ts';
import { withoutComments } from './tokens.ts';

/** Up to this size a body is read when somebody asks; a larger one beforehand, in parts; bytes. */
const small = 256 << 10;
/** The largest object or list that becomes a value, with all that is in it, bytes. */
const largestValue = 1 << 20;

/** Bytes that a byte of JSON can become as a value: `{},` is 3, an empty object over 50. */
const largestGrowth = 20;

/** Where memory counts that is taken for a body. */
export interface Holder {
  /** @throws TOO_MUCH_IN_FLIGHT */
  hold(bytes: number): void;
}

/**
 * A body in memory as text and as JSON. Of JSON only what is asked for becomes values, and an edit
 * changes nothing but the bytes that it concerns: order, numbers and blanks stay as they were.
 */
export class BodyDocument {
  #bytes: Buffer;
  readonly #holder: Holder | null;
  #text: string | undefined;
  #scan: JsonScan | null = null;
  /** Paths that will be asked for. */
  #wanted: readonly JsonPath[] = [];
  #fault: JsonFault | null = null;
  /** Whether an edit has made the body's own bytes out of date. */
  edited = false;

  /** `bytes` are plain, not compressed; `format` names what they are if they are not to be JSON. */
  constructor(bytes: Buffer, holder: Holder | null = null, format?: string) {
    this.#bytes = bytes;
    this.#holder = holder;
    if (format !== undefined) this.#fault = new JsonFault(`it is ${format}`);
  }

  get size(): number {
    return this.#bytes.length;
  }

  /** How the body begins. */
  get start(): Buffer {
    return this.#bytes.subarray(0, 64);
  }

  /** The body as UTF-8 text. @throws TOO_MUCH_IN_FLIGHT */
  get text(): string {
    return (this.#text ??= this.#toText());
  }

  /** Why the body is no JSON; null when it is, or when nobody has asked yet. */
  get fault(): JsonFault | null {
    return this.#fault;
  }

  /**
   * Says which paths will be asked for, so that one reading finds them all. A promise for a body that
   * takes long: it is read in many turns, and no further once `isGone`.
   */
  expect(paths: readonly JsonPath[], isGone: () => boolean): void | Promise<void> {
    this.#wanted = paths;
    if (this.#bytes.length <= small || this.#fault !== null) return;
    if (this.#scan !== null && paths.every((path) => this.#placesAlong(path) !== null)) return;
    return this.#scanAll(new JsonScan(this.#bytes, paths), isGone);
  }

  /** The JSON value at `path`; undefined when it is not there. @throws JSON_VALUE_TOO_LARGE */
  read(path: JsonPath): unknown {
    const place = this.#find(path)?.[path.length];
    if (place === undefined || !place.found) return undefined;
    return (place.value ??= this.#valueOf(place));
  }

  /** Puts `value` at `path`; false when the body is no JSON object or list. */
  write(path: JsonPath, value: unknown): boolean {
    const text = JSON.stringify(value) as string | undefined;
    const places = this.#find(path);
    if (places === null) return false;
    // As in JavaScript, what is not there is left out.
    if (text === undefined) return this.remove(path) || places[0]?.kind !== 'scalar';
    return this.#take(withValue(this.#bytes, places, path, text));
  }

  /** Removes what stands at `path`; false when there is nothing. */
  remove(path: JsonPath): boolean {
    const places = this.#find(path);
    return places !== null && this.#take(withoutValue(this.#bytes, places));
  }

  /** The bytes, with the edits. */
  toBuffer(): Buffer {
    return this.#bytes;
  }

  #toText(): string {
    // Of a small body the text is nothing beside the request.
    if (this.#bytes.length > small) this.#holder?.hold(this.#bytes.length);
    return this.#bytes.toString();
  }

  #take(bytes: Buffer | null): boolean {
    if (bytes === null) return false;
    this.#bytes = bytes;
    this.#scan = null;
    this.#text = undefined;
    this.edited = true;
    return true;
  }

  /** The places along `path`; null when the body is no JSON. */
  #find(path: JsonPath): readonly JsonPlace[] | null {
    if (this.#fault !== null) return null;
    const known = this.#placesAlong(path);
    if (known !== null) return known;
    const scan = new JsonScan(this.#bytes, [...this.#wanted, path]);
    try {
      scan.advance(Infinity);
      this.#scan = scan;
    } catch (error) {
      this.#fail(error);
    }
    return this.#placesAlong(path);
  }

  #placesAlong(path: JsonPath): readonly JsonPlace[] | null {
    const places = this.#scan?.root.along(path);
    return places?.length === path.length + 1 ? places : null;
  }

  async #scanAll(scan: JsonScan, isGone: () => boolean): Promise<void> {
    try {
      await scanInTurns(scan, isGone);
      this.#scan = scan;
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!(error instanceof JsonFault)) throw error;
    this.#fault = error;
  }

  #valueOf({ kind, start, end }: JsonPlace): unknown {
    const bytes = this.#bytes;
    if (kind === 'scalar') return JSON.parse(bytes.toString('utf8', start, end));
    if (end - start > largestValue) {
      throw new GatewayError('JSON_VALUE_TOO_LARGE', { limit: largestValue });
    }
    this.#holder?.hold((end - start) * largestGrowth);
    try {
      return JSON.parse(bytes.toString('utf8', start, end));
    } catch {
      return JSON.parse(withoutComments(bytes, start, end));
    }
  }
}

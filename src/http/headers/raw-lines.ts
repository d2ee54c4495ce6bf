import { isNamed } from './syntax.ts';

/**
 * Fields as they are on the wire, Latin-1, one line each, every one of them well-formed and written
 * in the plain way: `Name: value`, CRLF. Where there is Connection, it says `close` or `keep-alive`
 * and nothing else. Most messages are passed on as they came: as text that takes one copy instead of
 * two strings a field.
 */
export interface FieldLines {
  readonly all: string;
  /** Those that go on as they are: see `staysHere` for the others. */
  readonly passed: string;
  /** Which names there may be: the bits of all, see `nameBit`. */
  readonly names: number;
}

/** One of 32 bits that stands for a name, in any case, and for few others. */
export function nameBit(name: string): number {
  return nameBitOf(name.length, name.charCodeAt(0));
}

/** The same, by its length and first character. */
export function nameBitOf(length: number, initial: number): number {
  return 1 << ((initial | 0x20) + 3 * length);
}

/** A field as a line. */
export function fieldLine(name: string, value: string): string {
  return `${name}: ${value}\r\n`;
}

/** Lines as a flat name/value array. */
export function parseLines(lines: string): string[] {
  const fields: string[] = [];
  for (let at = 0; at < lines.length; ) {
    const colon = lines.indexOf(':', at);
    const end = lines.indexOf('\r\n', colon);
    fields.push(lines.slice(at, colon), lines.slice(colon + 2, end));
    at = end + 2;
  }
  return fields;
}

/** Value of the first line of that name, in any case; undefined when there is none. */
export function findInLines(lines: string, name: string): string | undefined {
  let lower: string | undefined;
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf('\r\n', at);
    const colon = at + name.length;
    if (colon < end && lines.charCodeAt(colon) === 0x3a) {
      lower ??= name.toLowerCase();
      if (isNamed(lines.slice(at, colon), lower)) return lines.slice(colon + 2, end);
    }
    at = end + 2;
  }
  return undefined;
}

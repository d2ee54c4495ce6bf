import type { JsonPath } from './path.ts';
import type { JsonPlace } from './place.ts';
import { skipBlanks } from './tokens.ts';

/**
 * Changes to a JSON text where it stands: every byte that a change does not concern stays as it was.
 * `places` are those along the path, which were looked for.
 */

/**
 * The text with `value`, JSON itself, at `path`, which is not empty. Objects and lists on the way are
 * made; an index after the end of a list appends. Null when the text is no object or list.
 */
export function withValue(
  bytes: Buffer,
  places: readonly JsonPlace[],
  path: JsonPath,
  value: string,
): Buffer | null {
  const [root] = places as [JsonPlace];
  if (root.kind === 'scalar') return null;
  if (root.kind === 'none') {
    const [first, ...more] = path;
    return splice(bytes, 0, bytes.length, built([`${first}`, ...more], value));
  }
  const missing = places.findIndex(({ found }) => !found);
  const depth = missing < 0 ? path.length : missing - 1;
  const place = places[depth] as JsonPlace;
  const rest = path.slice(depth);
  if (rest.length === 0 || place.kind === 'scalar') {
    return splice(bytes, place.start, place.end, built(rest, value));
  }
  const [step] = rest as [string | number];
  // A list has no names.
  if (place.kind === 'list' && !/^\d+$/.test(`${step}`)) return bytes;
  const member = built(rest.slice(1), value);
  const text = place.kind === 'list' ? member : `${JSON.stringify(`${step}`)}:${member}`;
  return splice(bytes, place.lastEnd, place.lastEnd, place.count > 0 ? `,${text}` : text);
}

/** The text without the member at the end of `places`; null when it is not there. */
export function withoutValue(bytes: Buffer, places: readonly JsonPlace[]): Buffer | null {
  const place = places.at(-1) as JsonPlace;
  if (!place.found || places.length < 2) return null;
  if (place.previousEnd >= 0) return splice(bytes, place.previousEnd, place.end, '');
  const next = skipBlanks(bytes, place.end);
  if (bytes[next] !== 0x2c) return splice(bytes, place.memberStart, place.end, '');
  return splice(bytes, place.memberStart, skipBlanks(bytes, next + 1), '');
}

/** JSON in which `value` stands at `path`, and nothing else. */
function built(path: JsonPath, value: string): string {
  return path.reduceRight<string>((inner, step) => {
    return typeof step === 'number' ? `[${inner}]` : `{${JSON.stringify(step)}:${inner}}`;
  }, value);
}

/** A text in place of the bytes from `start` to `end`. */
export interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The bytes with those replacements, none of which overlap. */
export function withReplacements(bytes: Buffer, replacements: readonly Replacement[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, text } of replacements.toSorted((a, b) => a.start - b.start)) {
    parts.push(bytes.subarray(at, start), Buffer.from(text));
    at = end;
  }
  parts.push(bytes.subarray(at));
  return Buffer.concat(parts);
}

function splice(bytes: Buffer, start: number, end: number, text: string): Buffer {
  return withReplacements(bytes, [{ start, end, text }]);
}

/** The tokens of JSON in bytes of UTF-8. Each function gives the offset after what it was to read. */
import { JsonFault } from './fault.ts';

/** Whether a byte within a string needs a look: a quote, a backslash or a control character. */
const special = new Uint8Array(256);
special.fill(1, 0, 0x20);
special[0x22] = special[0x5c] = 1;

/** Digits in a row, as many as Elasticsearch takes. */
const mostDigits = 1000;
const shortEscapes = Buffer.from('"\\/bfnrt');
const words: readonly Buffer[] = ['true', 'false', 'null'].map((word) => Buffer.from(word));

/** Passes blanks and comments, and no more of them after `stop`. */
export function skipBlanks(bytes: Buffer, from: number, stop = Infinity): number {
  let at = from;
  while (at < stop) {
    const byte = bytes[at];
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) at++;
    else if (byte === 0x2f) at = commentEnd(bytes, at);
    else return at;
  }
  return at;
}

function commentEnd(bytes: Buffer, start: number): number {
  const kind = bytes[start + 1];
  if (kind === 0x2a) {
    const end = bytes.indexOf('*/', start + 2);
    if (end < 0) throw new JsonFault('a comment does not end', start);
    return end + 2;
  }
  if (kind !== 0x2f) throw new JsonFault('unexpected character', start);
  // Not `indexOf`: the text may be full of comments, and hold one of the two bytes nowhere.
  let at = start + 2;
  while (at < bytes.length && bytes[at] !== 0x0a && bytes[at] !== 0x0d) at++;
  return at;
}

/**
 * A string, of which what is before `from` has been read. Where `stop` comes before its end, what has
 * been read so far: the complement of the offset.
 */
export function stringEnd(bytes: Buffer, from: number, stop = Infinity): number {
  const { length } = bytes;
  const last = Math.min(stop, length);
  let at = from;
  for (;;) {
    while (at < last && special[bytes[at] as number] === 0) at++;
    if (at >= length) throw new JsonFault('a string does not end', length);
    if (at >= last) return ~at;
    if (bytes[at] === 0x22) return at + 1;
    if (bytes[at] !== 0x5c) throw new JsonFault('control character in a string', at);
    at = escapeEnd(bytes, at);
  }
}

function escapeEnd(bytes: Buffer, start: number): number {
  const kind = bytes[start + 1] ?? 0;
  if (shortEscapes.includes(kind)) return start + 2;
  if (kind !== 0x75) throw new JsonFault('bad escape in a string', start);
  for (let at = start + 2; at < start + 6; at++) {
    if (!isHexDigit(bytes[at])) throw new JsonFault('bad escape in a string', start);
  }
  return start + 6;
}

/** The number that begins at `start`. */
export function numberEnd(bytes: Buffer, start: number): number {
  let at = bytes[start] === 0x2d ? start + 1 : start;
  if (bytes[at] === 0x30) at++;
  else at = digitsEnd(bytes, at);
  if (bytes[at] === 0x2e) at = digitsEnd(bytes, at + 1);
  if (bytes[at] === 0x65 || bytes[at] === 0x45) {
    const sign = bytes[at + 1];
    at = digitsEnd(bytes, sign === 0x2b || sign === 0x2d ? at + 2 : at + 1);
  }
  return at;
}

function digitsEnd(bytes: Buffer, start: number): number {
  let at = start;
  while (isDigit(bytes[at]) && at - start <= mostDigits) at++;
  if (at === start) throw new JsonFault('bad number', start);
  if (at - start > mostDigits) throw new JsonFault('a number has too many digits', start);
  return at;
}

/** `true`, `false` or `null`, which begins at `start`. */
export function wordEnd(bytes: Buffer, start: number): number {
  for (const word of words) {
    if (bytes[start] === word[0] && bytes.subarray(start, start + word.length).equals(word)) {
      return start + word.length;
    }
  }
  throw new JsonFault('unexpected character', start);
}

/** The text without its comments, which stands from `start` to `end` and was read before. */
export function withoutComments(bytes: Buffer, start: number, end: number): string {
  let text = '';
  let kept = start;
  for (let at = start; at < end; ) {
    const byte = bytes[at];
    if (byte === 0x22) at = stringEnd(bytes, at + 1);
    else if (byte === 0x2f) {
      text += bytes.toString('utf8', kept, at);
      at = kept = commentEnd(bytes, at);
    } else at++;
  }
  return text + bytes.toString('utf8', kept, end);
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const letter = byte | 0x20;
  return isDigit(byte) || (letter >= 0x61 && letter <= 0x66);
}

/**
 * Reading heads of messages where they lie, in bytes: well-formedness of what is of the common sort.
 * Strings are made of what was found to be well-formed, and only of what somebody looks at.
 */
import { Buffer } from 'node:buffer';
import { Staying, type StayingName, stayingNames } from '../headers/hop-by-hop.ts';

/** Lines that a scan has room for at first. */
const usualLines = 128;

/** What a scan answers for bytes that are no lines yet, and never will be. */
export const unfinished = -1;
export const malformed = -2;

const inName = 1;
const inTarget = 2;
/** What each byte may be part of. */
const kinds = new Uint8Array(256);
for (let code = 0x21; code <= 0xff; code++) {
  const character = String.fromCharCode(code);
  if (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(character)) kinds[code] = inName;
  if (code < 0x7f && character !== '#') kinds[code] = (kinds[code] as number) | inTarget;
}

const cr = 0x0d;
const lf = 0x0a;
const colonCode = 0x3a;

/** Index behind a target in origin form, without `#`, that begins at `from`. */
export function targetEnd(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && ((kinds[bytes[at] as number] as number) & inTarget) !== 0) at++;
  return at;
}

function isInValue(byte: number): boolean {
  return byte >= 0x20 ? byte !== 0x7f : byte === 0x09;
}

/** Index behind what a value may have that begins at `from`. */
export function valueEnd(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && isInValue(bytes[at] as number)) at++;
  return at;
}

/** Where the lines are that a scan has found. There is one for all: it is used before the next. */
class LineScan {
  count = 0;
  /** Of each line: where it begins, its colon, and its CR. */
  marks = new Int32Array(3 * usualLines);

  /**
   * Finds the lines from `from` to the empty one, and answers the index after that; `unfinished` when
   * the empty line is not there before `to`, `malformed` for a name that is no token, a character that
   * no value may have, a bare CR or LF.
   */
  scan(bytes: Buffer, from: number, to: number): number {
    let { marks } = this;
    let mark = 0;
    let at = from;
    while (at + 1 < to) {
      const begin = at;
      while (at < to && ((kinds[bytes[at] as number] as number) & inName) !== 0) at++;
      if (at === begin) {
        if (bytes[at] !== cr || bytes[at + 1] !== lf) return malformed;
        this.count = mark / 3;
        return at + 2;
      }
      if (at >= to) return unfinished;
      if (bytes[at] !== colonCode) return malformed;
      if (mark === marks.length) marks = this.#grow();
      marks[mark++] = begin;
      marks[mark++] = at;
      at = valueEnd(bytes, at + 1, to);
      if (at >= to) return unfinished;
      if (bytes[at] !== cr) return malformed;
      if (at + 1 >= to) return unfinished;
      if (bytes[at + 1] !== lf) return malformed;
      marks[mark++] = at;
      at += 2;
    }
    return unfinished;
  }

  #grow(): Int32Array<ArrayBuffer> {
    const marks = new Int32Array(2 * this.marks.length);
    marks.set(this.marks);
    return (this.marks = marks);
  }
}

export const lineScan = new LineScan();

/** Whether a token may have the byte. */
export function isTokenByte(byte: number): boolean {
  return ((kinds[byte] as number) & inName) !== 0;
}

/** Index after the token that begins at `from`. */
export function tokenEndAt(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && ((kinds[bytes[at] as number] as number) & inName) !== 0) at++;
  return at;
}

/** Digits that a length may have: more could not be counted exactly. */
const maxDigits = 15;

/** The number whose decimal digits are from `from` to `to`; -1 when that is none. */
export function lengthAt(bytes: Buffer, from: number, to: number): number {
  if (from === to || to - from > maxDigits) return -1;
  let length = 0;
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/** Whether the bytes from `from` on are `text`, all of it before `to`. */
export function startsWith(bytes: Buffer, from: number, to: number, text: Buffer): boolean {
  if (from + text.length > to) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
  return true;
}

/** How Connection says whether a connection stays; -1 for anything beyond that. */
export function persistence(bytes: Buffer, from: number, to: number): 0 | 1 | -1 {
  if (to - from === close.length && isTextAt(bytes, from, close)) return 0;
  return to - from === keepAlive.length && isTextAt(bytes, from, keepAlive) ? 1 : -1;
}

const close = Buffer.from('close');
const keepAlive = Buffer.from('keep-alive');

/** Whether there are blanks around the value from `from` to `to`. */
export function isPadded(bytes: Buffer, from: number, to: number): boolean {
  return from < to && (isBlank(bytes[from]) || isBlank(bytes[to - 1]));
}

/** Index of the first byte from `from` on that is no blank. */
export function trimStart(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && isBlank(bytes[at])) at++;
  return at;
}

/** Index after the last byte before `to` that is no blank. */
export function trimEnd(bytes: Buffer, from: number, to: number): number {
  let at = to;
  while (at > from && isBlank(bytes[at - 1])) at--;
  return at;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** Which name of `Staying` it is, if any, that goes from `from` to `to`, where there is a token. */
export function stayingAt(bytes: Buffer, from: number, to: number): number {
  const alike = stayingNames[to - from];
  if (alike === undefined) return Staying.none;
  for (let i = 0; i < alike.length; i++) {
    const { bytes: name, kind } = alike[i] as StayingName;
    if (isTextAt(bytes, from, name)) return kind;
  }
  return Staying.none;
}

/**
 * Whether the bytes at `from` are `lower`, which consists of lower-case letters and hyphens, in any
 * case. There must be no CR among them.
 */
export function isTextAt(bytes: Buffer, from: number, lower: Buffer): boolean {
  for (let i = 0; i < lower.length; i++) {
    if (((bytes[from + i] as number) | 0x20) !== lower[i]) return false;
  }
  return true;
}

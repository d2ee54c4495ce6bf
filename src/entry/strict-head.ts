import {
  isPadded,
  lengthIn,
  lineScan,
  nameBit,
  staysHere,
  targetEnd,
} from '../context/field-lines.ts';
import { isNamed } from '../context/field-syntax.ts';
import { HeaderList } from '../context/header-list.ts';

/** A request's head as the strict reader understands it. */
export interface StrictHead {
  readonly method: string;
  /** Origin form: begins with a slash. */
  readonly target: string;
  readonly headers: HeaderList;
  /** Bytes of the body; 0 when there is none. */
  readonly length: number;
  /** Whether the client ends the connection after this request. */
  readonly close: boolean;
  /** Index behind the head, in the bytes it was read from. */
  readonly end: number;
}

/** What a head may be to be read here. */
export interface StrictLimits {
  readonly size: number;
  readonly fields: number;
}

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'] as const;
const version = ' HTTP/1.1\r\n';
const hostValue = /^[0-9A-Za-z.\-_]+(?::[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?$/;
/** The last one that was well-formed: nearly all requests ask for the same. */
let knownHost = '';

/**
 * Reads the head between `from` and `to`, if it is of the common sort: everything in it is spelled in
 * the one way that every reader understands alike, and nothing in it asks for more than an answer.
 * Null for whatever else, be it unusual, malformed or unfinished: node:http is the judge of that.
 */
export function readStrictHead(
  bytes: Buffer,
  from: number,
  to: number,
  limits: StrictLimits,
): StrictHead | null {
  const method = methodAt(bytes, from, to);
  if (method === undefined) return null;
  const targetBegin = from + method.length + 1;
  const behind = targetEnd(bytes, targetBegin, to);
  if (bytes[targetBegin - 1] !== 0x20 || bytes[targetBegin] !== 0x2f) return null;
  if (!startsWith(bytes, behind, to, version)) return null;
  const begin = behind + version.length;
  const end = lineScan.scan(bytes, begin, to);
  if (end < 0 || end - from > limits.size || lineScan.count > limits.fields) return null;
  // All lines, each with its CRLF.
  const text = bytes.toString('latin1', from, end - 2);

  const { marks, count } = lineScan;
  const all = text.slice(begin - from);
  let passed = '';
  /** Where the lines begin that go on and are not in `passed` yet. */
  let run = begin - from;
  let names = 0;
  let plain = true;
  let hosts = 0;
  let length = -1;
  let connection = '';
  for (let mark = 0; mark < 3 * count; mark += 3) {
    const at = (marks[mark] as number) - from;
    const colon = (marks[mark + 1] as number) - from;
    const lineEnd = (marks[mark + 2] as number) - from;
    const field = text.slice(at, colon);
    const spaced = text.charCodeAt(colon + 1) === 0x20;
    const start = spaced ? colon + 2 : colon + 1;
    if (isPadded(text, start, lineEnd)) return null;
    plain &&= spaced;
    names |= nameBit(field);
    if (!staysHere(field)) {
      if (isNamed(field, 'trailer')) return null;
      continue;
    }
    passed += text.slice(run, at);
    run = lineEnd + 2;
    const value = text.slice(start, lineEnd);
    switch (field.length) {
      case 4:
        if (++hosts > 1 || !isHost(value)) return null;
        break;
      case 6:
      case 7:
      case 16:
      case 17:
        // Expect, Upgrade, Proxy-Connection, Transfer-Encoding.
        return null;
      case 10:
        if (!isNamed(field, 'connection')) break;
        if (connection !== '') return null;
        connection = value.toLowerCase();
        if (connection !== 'close' && connection !== 'keep-alive') return null;
        break;
      case 14:
        if (!isNamed(field, 'content-length')) break;
        if (length >= 0 || (value.length > 1 && value.startsWith('0'))) return null;
        length = lengthIn(value, 0, value.length);
        if (length < 0) return null;
        break;
    }
  }
  if (hosts !== 1) return null;
  passed += text.slice(run);
  return {
    method,
    target: text.slice(targetBegin - from, behind - from),
    headers: new HeaderList(plain ? { all, passed, names } : fieldsOf(text, from)),
    length: Math.max(0, length),
    close: connection === 'close',
    end,
  };
}

/** The fields that were scanned, as an array: not all of their lines are plain. */
function fieldsOf(text: string, from: number): string[] {
  const { marks, count } = lineScan;
  const fields: string[] = [];
  for (let mark = 0; mark < 3 * count; mark += 3) {
    const colon = (marks[mark + 1] as number) - from;
    const start = text.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1;
    fields.push(text.slice((marks[mark] as number) - from, colon));
    fields.push(text.slice(start, (marks[mark + 2] as number) - from));
  }
  return fields;
}

function isHost(value: string): boolean {
  if (value === knownHost) return true;
  if (!hostValue.test(value)) return false;
  knownHost = value;
  return true;
}

function methodAt(bytes: Buffer, from: number, to: number): string | undefined {
  for (const method of methods) if (startsWith(bytes, from, to, method)) return method;
  return undefined;
}

function startsWith(bytes: Buffer, from: number, to: number, text: string): boolean {
  if (from + text.length > to) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[from + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

import { Buffer } from 'node:buffer';
import { nameBitOf } from '../headers/raw-lines.ts';
import {
  isPadded,
  lengthAt,
  lineScan,
  persistence,
  startsWith,
  stayingAt,
  targetEnd,
} from './scanner.ts';
import { Staying } from '../headers/hop-by-hop.ts';
import { HeaderList } from '../headers/header-list.ts';

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

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'].map((name) => ({
  name,
  bytes: Buffer.from(`${name} `),
}));
const version = Buffer.from(' HTTP/1.1\r\n');
const hostValue = /^[0-9A-Za-z.\-_]+(?::[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?$/;
/** The last one that was well-formed: nearly all requests ask for the same. */
let knownHost = Buffer.from('localhost');

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
  if (method === null) return null;
  const targetBegin = from + method.bytes.length;
  const behind = targetEnd(bytes, targetBegin, to);
  if (bytes[targetBegin] !== 0x2f) return null;
  if (!startsWith(bytes, behind, to, version)) return null;
  const begin = behind + version.length;
  const end = lineScan.scan(bytes, begin, to);
  if (end < 0 || end - from > limits.size || lineScan.count > limits.fields) return null;
  // All lines, each with its CRLF.
  const text = bytes.toString('latin1', from, end - 2);

  const { marks, count } = lineScan;
  let passed = '';
  /** Where the lines begin that go on and are not in `passed` yet. */
  let run = begin;
  let names = 0;
  let plain = true;
  let hosts = 0;
  let length = -1;
  let keepAlive: 0 | 1 | -1 = -1;
  for (let mark = 0; mark < 3 * count; mark += 3) {
    const at = marks[mark] as number;
    const colon = marks[mark + 1] as number;
    const lineEnd = marks[mark + 2] as number;
    const spaced = bytes[colon + 1] === 0x20;
    const start = spaced ? colon + 2 : colon + 1;
    if (isPadded(bytes, start, lineEnd)) return null;
    plain &&= spaced;
    names |= nameBitOf(colon - at, bytes[at] as number);
    const kind = stayingAt(bytes, at, colon);
    if (kind === Staying.none) continue;
    passed += text.slice(run - from, at - from);
    run = lineEnd + 2;
    switch (kind) {
      case Staying.host:
        if (++hosts > 1 || !isHost(bytes, start, lineEnd)) return null;
        break;
      case Staying.connection:
        if (keepAlive >= 0) return null;
        keepAlive = persistence(bytes, start, lineEnd);
        if (keepAlive < 0) return null;
        break;
      case Staying.contentLength:
        if (length >= 0 || (bytes[start] === 0x30 && lineEnd - start > 1)) return null;
        length = lengthAt(bytes, start, lineEnd);
        if (length < 0) return null;
        break;
      case Staying.keepAlive:
      case Staying.other:
        break;
      default:
        // Expect, Upgrade, Trailer, Proxy-Connection, Transfer-Encoding.
        return null;
    }
  }
  if (hosts !== 1) return null;
  passed += text.slice(run - from);
  const lines = { all: text.slice(begin - from), passed, names };
  return {
    method: method.name,
    target: text.slice(targetBegin - from, behind - from),
    headers: new HeaderList(plain ? lines : fieldsOf(text, from)),
    length: Math.max(0, length),
    close: keepAlive === 0,
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

function isHost(bytes: Buffer, from: number, to: number): boolean {
  if (to - from === knownHost.length && startsWith(bytes, from, to, knownHost)) return true;
  const value = bytes.toString('latin1', from, to);
  if (!hostValue.test(value)) return false;
  knownHost = Buffer.from(value, 'latin1');
  return true;
}

function methodAt(bytes: Buffer, from: number, to: number): (typeof methods)[number] | null {
  for (const method of methods) if (startsWith(bytes, from, to, method.bytes)) return method;
  return null;
}

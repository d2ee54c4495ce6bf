import { Buffer } from 'node:buffer';
import { nameBitOf } from '../headers/raw-lines.ts';
import {
  isPadded,
  lengthAt,
  lineScan,
  persistence,
  startsWith,
  stayingAt,
  valueEnd,
} from './scanner.ts';
import { Staying } from '../headers/hop-by-hop.ts';
import { HeaderList } from '../headers/header-list.ts';
import { STATUS_CODES } from '../../runtime/modules/builtins.ts';
import { maxHead, type ResponseHead, timeoutHint } from './response-head-full.ts';

/** A head, and where it ends in the bytes that it was read from. */
export interface PlainHead extends ResponseHead {
  readonly end: number;
}

const plainVersion = Buffer.from('HTTP/1.1 ');
const chunkedCoding = Buffer.from('chunked');
/** The usual phrase of each status. */
const phrases = Array.from({ length: 600 }, (_, status) => STATUS_CODES[status] ?? '');
const phraseBytes = phrases.map((phrase) => Buffer.from(phrase, 'latin1'));

/**
 * Reads the head that begins at `from`, if all of it is there before `to` and it is of the common
 * sort: a final response, every field in plain lines, and none of them twice that frames it. Null
 * for whatever else, be it unusual, malformed or unfinished, which `parseHead` judges.
 */
export function readPlainHead(bytes: Buffer, from: number, to: number): PlainHead | null {
  const reason = from + 13;
  if (!startsWith(bytes, from, to, plainVersion) || reason >= to) return null;
  const status = statusAt(bytes, from + 9);
  if (status < 200 || status >= phrases.length || bytes[from + 12] !== 0x20) return null;
  const phrase = phraseBytes[status] as Buffer;
  let behind = reason + phrase.length;
  const isUsual = startsWith(bytes, reason, to, phrase) && bytes[behind] === 0x0d;
  if (!isUsual) behind = valueEnd(bytes, reason, to);
  if (behind + 1 >= to || bytes[behind] !== 0x0d || bytes[behind + 1] !== 0x0a) return null;
  const begin = behind + 2;
  const end = lineScan.scan(bytes, begin, Math.min(to, from + maxHead));
  if (end < 0) return null;
  const text = bytes.toString('latin1', from, end - 2);

  const { marks, count } = lineScan;
  let passed = '';
  /** Where the lines begin that go on and are not in `passed` yet. */
  let run = begin;
  let names = 0;
  let length = -1;
  let chunked = false;
  let keepAlive: 0 | 1 | -1 = -1;
  let keepAliveTimeout = Infinity;
  for (let mark = 0; mark < 3 * count; mark += 3) {
    const at = marks[mark] as number;
    const colon = marks[mark + 1] as number;
    const lineEnd = marks[mark + 2] as number;
    const start = colon + 2;
    if (bytes[colon + 1] !== 0x20 || isPadded(bytes, start, lineEnd)) return null;
    names |= nameBitOf(colon - at, bytes[at] as number);
    const kind = stayingAt(bytes, at, colon);
    if (kind === Staying.none) continue;
    passed += text.slice(run - from, at - from);
    run = lineEnd + 2;
    if (kind === Staying.contentLength && length < 0) {
      length = lengthAt(bytes, start, lineEnd);
      if (length < 0) return null;
    } else if (kind === Staying.connection && keepAlive < 0) {
      keepAlive = persistence(bytes, start, lineEnd);
      if (keepAlive < 0) return null;
    } else if (kind === Staying.transferEncoding && !chunked) {
      chunked = startsWith(bytes, start, lineEnd, chunkedCoding) && lineEnd - start === 7;
      if (!chunked) return null;
    } else if (kind === Staying.keepAlive) {
      keepAliveTimeout = timeoutHint(text.slice(start - from, lineEnd - from));
    } else return null;
  }
  if (chunked && length >= 0) return null;
  passed += text.slice(run - from);
  const all = text.slice(begin - from);
  return {
    status,
    statusText: isUsual ? (phrases[status] as string) : text.slice(13, behind - from),
    headers: new HeaderList({ all, passed, names }),
    length,
    chunked,
    keepAlive: keepAlive !== 0,
    keepAliveTimeout,
    end,
  };
}

/** The status whose three digits are at `at`; -1 when they are none. */
function statusAt(bytes: Buffer, at: number): number {
  let status = 0;
  for (let i = at; i < at + 3; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    status = status * 10 + digit;
  }
  return status;
}

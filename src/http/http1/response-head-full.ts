import { isIllegalValue, isNamed, tokenEnd } from '../headers/syntax.ts';
import { HeaderList } from '../headers/header-list.ts';

/** A response head as it was on the wire, and what its fields say of framing. */
export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderList;
  /** Body bytes announced by Content-Length; -1 without it. */
  readonly length: number;
  readonly chunked: boolean;
  /** Whether the connection may be used again. */
  readonly keepAlive: boolean;
  /** Milliseconds that the node keeps the connection when unused; Infinity when it did not say. */
  readonly keepAliveTimeout: number;
}

const statusCode = /^[1-9]\d\d$/;
const digits = /^\d{1,15}$/;

/** Bytes that a head, and likewise all trailers, may have. */
export const maxHead = 65_536;

/** What is wrong with a head; the connection cannot be trusted any more. */
export class HeadError extends Error {
  override readonly name = 'HeadError';
}

/** Text without spaces and tabs around it, which is all that HTTP allows there. */
function trimmed(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * Parses field lines, each ended by CRLF, from `from` to the end of `text` into a flat array.
 * Folded lines, blanks before the colon, control characters and bare CR or LF are errors.
 * @throws HeadError
 */
export function parseFields(text: string, from: number): string[] {
  const fields: string[] = [];
  for (let position = from; position < text.length; ) {
    const end = text.indexOf('\r\n', position);
    const colon = tokenEnd(text, position);
    if (end < 0 || colon === position || text.charCodeAt(colon) !== 0x3a) {
      throw new HeadError('an illegal field name, or none');
    }
    const name = text.slice(position, colon);
    const value = trimmed(text, colon + 1, end);
    if (isIllegalValue(value)) throw new HeadError(`an illegal character in field ${name}`);
    fields.push(name, value);
    position = end + 2;
  }
  return fields;
}

/**
 * Parses a response head, from the status line to the CRLF of its last field line, both included.
 * Anything whose meaning two readers could see differently is an error.
 * @throws HeadError
 */
export function parseHead(text: string): ResponseHead {
  const lineEnd = text.indexOf('\r\n');
  const minor = text.charCodeAt(7) - 0x30;
  if (!text.startsWith('HTTP/1.') || minor < 0 || minor > 1 || text.charCodeAt(8) !== 0x20) {
    throw new HeadError('an illegal status line');
  }
  const code = text.slice(9, 12);
  const status = Number(code);
  if (!statusCode.test(code) || (lineEnd > 12 && text.charCodeAt(12) !== 0x20)) {
    throw new HeadError('an illegal status line');
  }
  const statusText = lineEnd > 13 ? text.slice(13, lineEnd) : '';
  if (lineEnd < 12 || isIllegalValue(statusText)) {
    throw new HeadError('an illegal status line');
  }
  const fields = parseFields(text, lineEnd + 2);
  let length = -1;
  let chunked = false;
  let keepAlive = minor === 1;
  let keepAliveTimeout = Infinity;
  for (let i = 0; i < fields.length; i += 2) {
    // Only fields of these lengths matter here, so that most names are not looked at.
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    if (name.length === 14 && isNamed(name, 'content-length')) {
      length = contentLength(value, length);
    } else if (name.length === 17 && isNamed(name, 'transfer-encoding')) {
      if (chunked || minor === 0 || value.toLowerCase() !== 'chunked') {
        throw new HeadError('an unusable Transfer-Encoding');
      }
      chunked = true;
    } else if (name.length === 10) {
      if (isNamed(name, 'connection')) keepAlive = persists(value, keepAlive);
      else if (isNamed(name, 'keep-alive')) keepAliveTimeout = timeoutHint(value);
    }
  }
  if (chunked && length >= 0) throw new HeadError('both Content-Length and Transfer-Encoding');
  const headers = new HeaderList(fields);
  return { status, statusText, headers, length, chunked, keepAlive, keepAliveTimeout };
}

function contentLength(value: string, before: number): number {
  if (!digits.test(value)) throw new HeadError('an illegal Content-Length');
  const length = Number(value);
  if (before >= 0 && before !== length) throw new HeadError('differing Content-Length fields');
  return length;
}

function persists(value: string, before: boolean): boolean {
  if (isNamed(value, 'keep-alive')) return true;
  let result = before;
  for (const option of value.toLowerCase().split(',')) {
    const name = option.trim();
    if (name === 'close') return false;
    if (name === 'keep-alive') result = true;
  }
  return result;
}

/** Milliseconds that a value of Keep-Alive tells; Infinity when it tells none. */
export function timeoutHint(value: string): number {
  const match = /(?:^|[,\s])timeout\s*=\s*(\d{1,9})/i.exec(value);
  return match ? Number(match[1]) * 1000 : Infinity;
}

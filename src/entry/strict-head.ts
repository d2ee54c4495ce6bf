import { isIllegalValue, isNamed, tokenEnd } from '../context/field-syntax.ts';

/** A request's head as the strict reader understands it. */
export interface StrictHead {
  readonly method: string;
  /** Origin form: begins with a slash. */
  readonly target: string;
  /** Flat name/value array in wire order. */
  readonly headers: string[];
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

const headEnd = Buffer.from('\r\n\r\n');
const methods: ReadonlySet<string> = new Set([
  'GET',
  'POST',
  'PUT',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PATCH',
]);
/** Of a target in origin form; without `#`, which belongs into none. */
const illegalInTarget = /[^\x21\x22\x24-\x7e]/;
const hostValue = /^[0-9A-Za-z.\-_]+(?::[0-9]{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?$/;
const lengthValue = /^(?:0|[1-9][0-9]{0,14})$/;

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
  const found = bytes.indexOf(headEnd, from);
  if (found < 0 || found + 4 > to || found + 4 - from > limits.size) return null;
  // All lines, each with its CRLF.
  const text = bytes.toString('latin1', from, found + 2);
  const methodEnd = text.indexOf(' ');
  const method = text.slice(0, methodEnd);
  if (!methods.has(method)) return null;
  const lineEnd = text.indexOf('\r\n');
  const targetEnd = lineEnd - 9;
  if (targetEnd <= methodEnd + 1 || !text.startsWith(' HTTP/1.1', targetEnd)) return null;
  const target = text.slice(methodEnd + 1, targetEnd);
  if (target.charCodeAt(0) !== 0x2f || illegalInTarget.test(target)) return null;

  const headers: string[] = [];
  let hosts = 0;
  let length = -1;
  let connection = '';
  for (let at = lineEnd + 2; at < text.length; ) {
    const end = text.indexOf('\r\n', at);
    const colon = tokenEnd(text, at);
    if (colon === at || text.charCodeAt(colon) !== 0x3a) return null;
    const field = text.slice(at, colon);
    const start = text.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1;
    const value = text.slice(start, end);
    if (isIllegalValue(value) || isPadded(value)) return null;
    // Only fields of these lengths matter here, so that most names are not looked at.
    switch (field.length) {
      case 4:
        if (!isNamed(field, 'host')) break;
        if (++hosts > 1 || !hostValue.test(value)) return null;
        break;
      case 6:
        if (isNamed(field, 'expect')) return null;
        break;
      case 7:
        if (isNamed(field, 'upgrade') || isNamed(field, 'trailer')) return null;
        break;
      case 10:
        if (!isNamed(field, 'connection')) break;
        if (connection !== '') return null;
        connection = value.toLowerCase();
        if (connection !== 'close' && connection !== 'keep-alive') return null;
        break;
      case 14:
        if (!isNamed(field, 'content-length')) break;
        if (length >= 0 || !lengthValue.test(value)) return null;
        length = Number(value);
        break;
      case 16:
        if (isNamed(field, 'proxy-connection')) return null;
        break;
      case 17:
        if (isNamed(field, 'transfer-encoding')) return null;
        break;
    }
    headers.push(field, value);
    at = end + 2;
  }
  if (hosts !== 1 || headers.length > 2 * limits.fields) return null;
  return {
    method,
    target,
    headers,
    length: Math.max(0, length),
    close: connection === 'close',
    end: found + 4,
  };
}

/** Whether blanks are around the value, beyond the one behind the colon. */
function isPadded(value: string): boolean {
  return isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1));
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

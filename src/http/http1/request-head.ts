import { Buffer } from 'node:buffer';
import { GatewayError } from '../../errors.ts';
import { Staying } from '../headers/hop-by-hop.ts';
import { HeaderList } from '../headers/header-list.ts';
import { nameBitOf } from '../headers/raw-lines.ts';
import { isHost, isMethod, requestTarget } from '../request-target.ts';
import {
  isPadded,
  isTextAt,
  lengthAt,
  lineScan,
  malformed,
  persistence,
  startsWith,
  stayingAt,
  targetEnd,
  tokenEndAt,
  trimEnd,
  trimStart,
  unfinished,
} from './scanner.ts';

/** A request's head, and what it says of the body and of the connection. */
export interface ParsedHead {
  readonly method: string;
  /** Origin form, or `*`. */
  readonly target: string;
  /** Of HTTP/1. */
  readonly minor: number;
  readonly headers: HeaderList;
  /** Bytes of the body, 0 when there is none; -1 when it is chunked. */
  readonly length: number;
  /** Whether the connection ends after this request. */
  readonly close: boolean;
  /** Protocol to switch to; null also where the client must not ask for one. */
  readonly upgrade: string | null;
  /** Whether the client may wait for an answer before it sends the body. */
  readonly expectsContinue: boolean;
  /** Set when the request is well-formed and not served. */
  readonly refusal: GatewayError | null;
  /** Index after the head, in the bytes it was read from. */
  readonly end: number;
}

export interface HeadLimits {
  readonly maxBytes: number;
  readonly maxFields: number;
}

const methods = ['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'].map((name) => ({
  name,
  bytes: Buffer.from(`${name} `),
}));
const versionStart = Buffer.from(' HTTP/1.');
const chunked = Buffer.from('chunked');
const continueExpected = Buffer.from('100-continue');
/** The last one that was well-formed: nearly all requests ask for the same. */
let knownHost = Buffer.from('localhost');

/** The request line of the head that is being read. There is one for all: it is used at once. */
class RequestLine {
  method = '';
  targetStart = 0;
  targetEnd = 0;
  /** Whether the target is an origin form in which nothing needs a second look. */
  isPlainTarget = true;
  minor = 1;

  /** Index after the line, or `unfinished`. @throws REQUEST_MALFORMED */
  read(bytes: Buffer, from: number, to: number): number {
    const known = methodAt(bytes, from, to);
    let at = known === null ? tokenEndAt(bytes, from, to) : from + known.bytes.length;
    if (known === null) {
      if (at === to) return unfinished;
      if (bytes[at] !== 0x20) throw refused('invalid method');
      this.method = bytes.toString('latin1', from, at);
      if (!isMethod(this.method)) throw refused('invalid method');
      at++;
    } else this.method = known.name;
    this.targetStart = at;
    const plainEnd = targetEnd(bytes, at, to);
    at = plainEnd;
    while (at < to && isInTarget(bytes[at] as number)) at++;
    this.targetEnd = at;
    this.isPlainTarget = at === plainEnd && bytes[this.targetStart] === 0x2f;
    if (at === to) return unfinished;
    if (!startsWith(bytes, at, to, versionStart)) {
      const isCut = at + versionStart.length > to && isStartOf(versionStart, bytes, at, to);
      if (isCut) return unfinished;
      throw refused('invalid request line');
    }
    at += versionStart.length;
    if (at >= to) return unfinished;
    this.minor = (bytes[at] as number) - 0x30;
    if (this.minor !== 0 && this.minor !== 1) throw refused('unknown HTTP version');
    if (at + 1 < to && bytes[at + 1] !== 0x0d) throw refused('invalid request line');
    if (at + 2 >= to) return unfinished;
    if (bytes[at + 2] !== 0x0a) throw refused('invalid request line');
    return at + 3;
  }
}

const requestLine = new RequestLine();

/**
 * Reads the head that begins at `from`, if all of it is there before `to`; null when it is not. What
 * two readers could understand in two ways is refused (RFC 9110, 9112).
 * @throws REQUEST_MALFORMED, HEAD_TOO_LARGE
 */
export function readRequestHead(
  bytes: Buffer,
  from: number,
  to: number,
  limits: HeadLimits,
): ParsedHead | null {
  const limit = from + limits.maxBytes;
  const until = Math.min(to, limit);
  const begin = requestLine.read(bytes, from, until);
  const end = begin < 0 ? begin : lineScan.scan(bytes, begin, until);
  if (end === unfinished) {
    if (to > limit) throw new GatewayError('HEAD_TOO_LARGE');
    return null;
  }
  if (end === malformed) throw refused('invalid header line');
  if (lineScan.count > limits.maxFields) throw new GatewayError('HEAD_TOO_LARGE');
  return readFields(bytes, from, begin, end);
}

function readFields(bytes: Buffer, from: number, begin: number, end: number): ParsedHead {
  const { method, minor, targetStart, targetEnd: targetStop, isPlainTarget } = requestLine;
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
  let isChunked = false;
  let options = 0;
  let upgrade: string | null = null;
  let expects = false;
  let refusal: GatewayError | null = null;
  for (let mark = 0; mark < 3 * count; mark += 3) {
    const at = marks[mark] as number;
    const colon = marks[mark + 1] as number;
    let stop = marks[mark + 2] as number;
    const next = stop + 2;
    const spaced = bytes[colon + 1] === 0x20;
    let start = spaced ? colon + 2 : colon + 1;
    plain &&= spaced;
    if (isPadded(bytes, start, stop)) {
      plain = false;
      start = trimStart(bytes, start, stop);
      stop = trimEnd(bytes, start, stop);
    }
    names |= nameBitOf(colon - at, bytes[at] as number);
    const kind = stayingAt(bytes, at, colon);
    if (kind === Staying.none) continue;
    passed += text.slice(run - from, at - from);
    run = next;
    // Some readers take a tab at the end of a value for a part of it, which framing must not depend on.
    if (isFraming(kind) && bytes[next - 3] === 0x09) throw refused('a tab in the framing');
    switch (kind) {
      case Staying.host:
        if (++hosts > 1) throw refused('more than one Host');
        if (!isHostAt(bytes, start, stop)) throw refused('invalid Host');
        break;
      case Staying.connection:
        if (options !== 0) plain = false;
        options |= connectionOptions(bytes, start, stop);
        if (options !== Option.close && options !== Option.keepAlive) plain = false;
        break;
      case Staying.contentLength:
        if (length >= 0) throw refused('more than one Content-Length');
        length = lengthAt(bytes, start, stop);
        if (length < 0) throw refused('invalid Content-Length');
        break;
      case Staying.transferEncoding:
        if (isChunked || !isText(bytes, start, stop, chunked)) {
          throw refused('Transfer-Encoding other than chunked');
        }
        if (minor === 0) throw refused('Transfer-Encoding in HTTP/1.0');
        isChunked = true;
        break;
      case Staying.expect:
        // HTTP/1.0 knows no expectations.
        if (minor === 0) break;
        expects = true;
        if (!isText(bytes, start, stop, continueExpected)) {
          refusal = new GatewayError('EXPECTATION_FAILED');
        }
        break;
      case Staying.upgrade:
        upgrade ??= text.slice(start - from, stop - from);
        plain = false;
        break;
      case Staying.trailer:
        plain = false;
        break;
      default:
        // Keep-Alive, TE and others that concern nobody but the two at this connection.
        break;
    }
  }
  if (isChunked && length >= 0) throw refused('both Content-Length and Transfer-Encoding');
  if (hosts === 0 && minor === 1) throw refused('no Host');
  let target = text.slice(targetStart - from, targetStop - from);
  let authority: string | null = null;
  if (method === 'CONNECT') {
    if (!isHost(target)) throw refused('invalid target');
    refusal = new GatewayError('METHOD_NOT_ALLOWED', { method });
  } else if (!isPlainTarget) {
    ({ target, authority } = requestTarget(method, target));
  }
  passed += text.slice(run - from);
  const isPlain = plain && authority === null;
  const headers = new HeaderList(
    isPlain ? { all: text.slice(begin - from), passed, names } : fieldsOf(bytes, text, from),
  );
  // The Host of a request in absolute form does not count (RFC 9112, 3.2.2).
  if (authority !== null) headers.set('Host', authority);
  const mayUpgrade = minor === 1 && (options & Option.upgrade) !== 0 && !isChunked && length <= 0;
  return {
    method,
    target,
    minor,
    headers,
    length: isChunked ? -1 : Math.max(0, length),
    close: endsConnection(minor, options) || refusal?.code === 'METHOD_NOT_ALLOWED',
    upgrade: mayUpgrade && upgrade !== null && !isOfHttp(upgrade) ? upgrade : null,
    expectsContinue: expects && (isChunked || length > 0),
    refusal,
    end,
  };
}

/** The fields that were scanned, as an array: not all of their lines are plain. */
function fieldsOf(bytes: Buffer, text: string, from: number): string[] {
  const { marks, count } = lineScan;
  const fields: string[] = [];
  for (let mark = 0; mark < 3 * count; mark += 3) {
    const colon = marks[mark + 1] as number;
    const stop = marks[mark + 2] as number;
    const start = trimStart(bytes, colon + 1, stop);
    fields.push(text.slice((marks[mark] as number) - from, colon - from));
    fields.push(text.slice(start - from, trimEnd(bytes, start, stop) - from));
  }
  return fields;
}

/** Bits of what Connection may list. */
const Option = { close: 1, keepAlive: 2, upgrade: 4, other: 8 } as const;

function connectionOptions(bytes: Buffer, from: number, to: number): number {
  const persists = persistence(bytes, from, to);
  if (persists >= 0) return persists === 0 ? Option.close : Option.keepAlive;
  let options: number = Option.other;
  for (const option of bytes.toString('latin1', from, to).toLowerCase().split(',')) {
    const name = option.trim();
    if (name === 'close') options |= Option.close;
    else if (name === 'keep-alive') options |= Option.keepAlive;
    else if (name === 'upgrade') options |= Option.upgrade;
  }
  return options;
}

function endsConnection(minor: number, options: number): boolean {
  if ((options & Option.close) !== 0) return true;
  return minor === 0 && (options & Option.keepAlive) === 0;
}

/** Whether it is another way of speaking HTTP, which is chosen by TLS alone. */
function isOfHttp(protocol: string): boolean {
  return /^(?:h2|tls|http)/i.test(protocol);
}

function isFraming(kind: number): boolean {
  return kind === Staying.contentLength || kind === Staying.transferEncoding;
}

function isHostAt(bytes: Buffer, from: number, to: number): boolean {
  if (to - from === knownHost.length && startsWith(bytes, from, to, knownHost)) return true;
  const value = bytes.toString('latin1', from, to);
  if (!isHost(value)) return false;
  knownHost = Buffer.from(value, 'latin1');
  return true;
}

function isText(bytes: Buffer, from: number, to: number, lower: Buffer): boolean {
  return to - from === lower.length && isTextAt(bytes, from, lower);
}

function methodAt(bytes: Buffer, from: number, to: number): (typeof methods)[number] | null {
  for (const method of methods) if (startsWith(bytes, from, to, method.bytes)) return method;
  return null;
}

/** Whether the bytes from `from` to `to` are how `text` begins. */
function isStartOf(text: Buffer, bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== text[at - from]) return false;
  return true;
}

function isInTarget(byte: number): boolean {
  return byte > 0x20 && byte !== 0x7f;
}

function refused(reason: string): GatewayError {
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

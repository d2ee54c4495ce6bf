/**
 * Our reader of HTTP/1 requests against llhttp: over generated messages, most of them damaged, both
 * must see the same, but for what ours refuses on purpose. Read whole, or in parts that are cut
 * anywhere, a message must be the same message.
 */
import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { createRequire } from 'node:module';
import { GatewayError, reasonOf } from '../../src/errors.ts';
import { ChunkDecoder } from '../../src/http/http1/chunk-decoder.ts';
import { type ParsedHead, readRequestHead } from '../../src/http/http1/request-head.ts';
import { Dice } from './mutations.ts';

interface Parser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void;
  execute(bytes: Buffer): number | Error;
  [callback: number]: (...args: never[]) => void;
}
interface ParserClass {
  new (): Parser;
  readonly [name: string]: number;
}
const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: ParserClass;
  methods: readonly string[];
};
const constant = (name: string): number => HTTPParser[name] ?? assert.fail(`no ${name}`);

const limits = { maxBytes: 4096, maxFields: 60 };

interface Seen {
  method: string;
  target: string;
  version: string;
  headers: string[];
  body: string;
  complete: boolean;
  upgrade: boolean;
  keepAlive: boolean;
}

/** What llhttp, as strict as the entry's, sees in bytes; an error's code when it refuses them. */
function judge(bytes: Buffer): Seen[] | string {
  const messages: Seen[] = [];
  const parser = new HTTPParser();
  parser.initialize(constant('REQUEST'), {}, limits.maxBytes, constant('kLenientNone'));
  let early: string[] = [];
  let earlyTarget = '';
  parser[constant('kOnHeaders')] = (headers: string[], url: string) => {
    early = early.concat(headers);
    earlyTarget += url;
  };
  parser[constant('kOnHeadersComplete')] = (
    major: number,
    minor: number,
    headers: string[] | undefined,
    method: number,
    url: string | undefined,
    _status: undefined,
    _message: undefined,
    upgrade: boolean,
    keepAlive: boolean,
  ) => {
    messages.push({
      method: methods[method] ?? '?',
      target: earlyTarget + (url ?? ''),
      version: `${major}.${minor}`,
      headers: early.concat(headers ?? []),
      body: '',
      complete: false,
      upgrade,
      keepAlive,
    });
    early = [];
    earlyTarget = '';
  };
  const last = (): Seen => messages.at(-1) ?? assert.fail('a body before a head');
  parser[constant('kOnBody')] = (part: Buffer) => void (last().body += part.toString('latin1'));
  parser[constant('kOnMessageComplete')] = () => void (last().complete = true);
  const result = parser.execute(bytes);
  if (typeof result === 'number') return messages;
  return (result as Error & { code?: string }).code ?? 'unknown';
}

const targets = [
  '/',
  '/index/_search?q=a%20b&size=10',
  '/a//b/../c',
  '*',
  '//host/path',
  'http://other/path',
  'example.com:443',
  '/with space',
  '/fragment#here',
  '/umlaut-ä',
  '/utf8-\xc3\xa4',
  'https://[::1]:8/x?y',
  'ftp://other/',
  '/quote"<>\\^`{|}',
  `/${'long'.repeat(1200)}`,
  '',
];
const versions = [
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/2.0',
  'http/1.1',
  'HTTP/1.12',
];
const fields = [
  'Accept: */*',
  'accept-encoding: gzip, br',
  'X-Empty:',
  'X-Empty: ',
  'X-Blank:  two',
  'X-Tail: value ',
  'X-Tab:\tvalue\t',
  'X-Latin: gr\xfc\xdfe',
  'X-Control: a\x01b',
  'X-Null: a\0b',
  'X-Delete: \x7f',
  'X-CR: a\rb',
  'X-LF: a\nb',
  'X-Folded: a\r\n b',
  'X-Colon: a:b:c',
  'No colon',
  'Blank : x',
  ' Leading: x',
  'X(Y): z',
  ': nameless',
  'Host: second',
  'Host:',
  'Host: a b',
  'host: example.com:8080',
  'Host: [::1]:80',
  'Content-Length: 0',
  'Content-Length: 5',
  'content-length: 5',
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Content-Length: 5 ',
  'Content-Length: 05',
  'Content-Length: 0x5',
  'Content-Length: 99999999999999999999',
  'Content-Length:',
  'Transfer-Encoding: chunked',
  'transfer-encoding: identity',
  'Transfer-Encoding: xchunked',
  'Connection: close',
  'Connection: keep-alive',
  'connection: Keep-Alive',
  'Connection: close, x',
  'Connection: keep-alive, close',
  'Connection: close x',
  'Connection: upgrade, keep-alive',
  'Connection: Upgrade',
  'Connection: x',
  'Proxy-Connection: close',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Expect: x',
  'Trailer: X-Sum',
  'TE: trailers',
  'Keep-Alive: timeout=5',
  'HTTP2-Settings: AAMAAABk',
  `X-Long: ${'y'.repeat(3000)}`,
];
const bodies = [
  'hello',
  '5\r\nhello\r\n0\r\n\r\n',
  '',
  'hell',
  '1\r\na\r\n2\r\nbc\r\n0\r\nX-Sum: 1\r\n\r\n',
  '0005;a=b;c="d"\r\nhello\r\n000\r\n\r\n',
  `A\r\n${'x'.repeat(10)}\r\n${'0'.repeat(21)}1\r\n`,
  '5 \r\nhello\r\n0\r\n\r\n',
  `1000\r\n${'y'.repeat(4096)}\r\n1388\r\n${'z'.repeat(5000)}\r\n0\r\n\r\n`,
];
const pieces = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  '\0',
  '\x7f',
  '\xff',
  ';',
  ',',
  '"',
  '0',
  '5',
];

function generate(dice: Dice): Buffer {
  const count = dice.pick([1, 1, 1, 2, 3]);
  let text = '';
  for (let i = 0; i < count; i++) text += message(dice);
  for (let damage = dice.below(6) - 2; damage > 0; damage--) text = damaged(text, dice);
  return Buffer.from(text, 'latin1');
}

function message(dice: Dice): string {
  const common = dice.below(2) === 0;
  const method = dice.below(4)
    ? dice.pick(['GET', 'POST', 'PUT', 'HEAD'])
    : dice.pick([...METHODS, 'FOO', 'M-S!']);
  const target = dice.below(2) ? '/index/_doc/1' : dice.pick(targets);
  const lines = [`${method} ${target} ${common ? 'HTTP/1.1' : dice.pick(versions)}`];
  if (dice.below(12) > 0) lines.push('Host: example.com');
  const many = dice.below(60) === 0 ? 70 : dice.below(6);
  for (let i = 0; i < many; i++) {
    lines.push(common && dice.below(8) > 0 ? dice.pick(fields.slice(0, 4)) : dice.pick(fields));
  }
  let body = '';
  if (dice.below(3) === 0) {
    body = dice.pick(bodies);
    if (dice.below(2)) lines.push(`Content-Length: ${body.length}`);
    else if (dice.below(3)) lines.push('Transfer-Encoding: chunked');
  }
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

function damaged(text: string, dice: Dice): string {
  const at = dice.below(text.length + 1);
  const end = at + dice.below(4);
  switch (dice.below(6)) {
    case 0:
      return text.slice(0, at) + dice.pick(pieces) + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(end);
    case 2:
      return text.slice(0, at) + String.fromCharCode(dice.below(256)) + text.slice(at + 1);
    case 3:
      return text.slice(0, at) + text.slice(at, end + 20) + text.slice(at);
    case 4:
      return text.replace('\r\n', dice.pick(['\n', '\r', '\r\r\n', '\n\r']));
    default:
      return dice.below(4) === 0 ? text.slice(0, at) : text.slice(at).concat(text.slice(0, at));
  }
}

/** What our reader sees in the first message; the reason when it refuses it. */
interface Read {
  head: ParsedHead;
  headers: string[];
  passed: string | null;
  body: string;
  trailers: string[] | undefined;
  complete: boolean;
  /** Index after the message. */
  end: number;
}

/** Reads the first message; `cut` tells where the next read ends. */
function read(bytes: Buffer, cut: (from: number) => number): Read | string | null {
  let seen = 0;
  let head: ParsedHead | null = null;
  try {
    while (head === null && seen < bytes.length) {
      seen = cut(seen);
      head = readRequestHead(bytes, 0, seen, limits);
    }
    if (head === null) return null;
    const { passed } = head.headers;
    const result: Read = {
      head,
      passed,
      headers: head.headers.asArray(),
      body: '',
      trailers: undefined,
      complete: head.length === 0,
      end: head.end,
    };
    if (head.length >= 0) {
      result.end = Math.min(bytes.length, head.end + head.length);
      result.body = bytes.toString('latin1', head.end, result.end);
      result.complete = result.body.length === head.length;
    } else readChunks(bytes, seen, cut, result);
    return result;
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'HEAD_TOO_LARGE') return error.code;
    return reasonOf(error);
  }
}

function readChunks(
  bytes: Buffer,
  seen: number,
  cut: (from: number) => number,
  result: Read,
): void {
  const decoder = new ChunkDecoder(limits.maxBytes);
  decoder.begin();
  let at = result.end;
  for (let until = seen; ; until = cut(until)) {
    // Each read lies in memory of its own, in which the decoder may move things.
    const part = Buffer.from(bytes.subarray(at, until));
    let taken = 0;
    while (taken < part.length && !decoder.complete) {
      taken = decoder.decode(part, taken, part.length);
      result.body += part.toString('latin1', decoder.dataStart, decoder.dataEnd);
    }
    at += taken;
    if (decoder.complete || until === bytes.length) break;
  }
  result.end = at;
  result.complete = decoder.complete;
  result.trailers = decoder.trailers;
}

/** Reasons for which ours refuses what llhttp takes. Whatever else it refuses, llhttp refuses too. */
const stricter = [
  'no Host',
  'more than one Host',
  'invalid Host',
  'invalid host in the target',
  'invalid target',
  'illegal character in the target',
  'fragment in the target',
  'unknown HTTP version',
  // A line without a version, two blanks, another protocol's name.
  'invalid request line',
  // An empty line before the method.
  'invalid method',
  'invalid Content-Length',
  'a tab in the framing',
  'Transfer-Encoding other than chunked',
  'Transfer-Encoding in HTTP/1.0',
  // Many digits.
  'an illegal chunk size',
  'an illegal chunk extension',
  'HEAD_TOO_LARGE',
  'a head that is too large',
];

function isStricter(refusal: string): boolean {
  return stricter.some((reason) => refusal.endsWith(reason));
}

/** Whether the message ends within a line of its trailers. */
function inTrailers(bytes: Buffer, { length, end }: ParsedHead): boolean {
  const text = bytes.toString('latin1', end);
  return length < 0 && /(?:^|\r\n)0+(?:;[^\r]*)?\r\n(?:[^\r\n]+\r\n)*[^\n]+$/.test(text);
}

function linesThatGoOn(raw: readonly string[]): string {
  const staying =
    /^(host|expect|upgrade|content-length|transfer-encoding|connection|keep-alive|te|http2-settings|proxy-connection)$/i;
  let lines = '';
  for (let i = 0; i < raw.length; i += 2) {
    if (!staying.test(raw[i] ?? '')) lines += `${raw[i]}: ${raw[i + 1]}\r\n`;
  }
  return lines;
}

function isKnownToBoth({ method }: ParsedHead, bytes: Buffer): boolean {
  // llhttp knows a list of methods, and no bytes above ASCII in a target.
  const line = bytes.subarray(0, bytes.indexOf('\r\n'));
  return METHODS.includes(method) && !line.some((byte) => byte >= 0x80);
}

/**
 * Compares the two over `count` messages; returns how many were read as requests.
 * @throws AssertionError with the message that they see differently
 */
export function compareReaders(count: number, seed: number): number {
  const dice = new Dice(seed);
  let taken = 0;
  for (let i = 0; i < count; i++) {
    const bytes = generate(dice);
    const shown = JSON.stringify(bytes.toString('latin1'));
    const whole = read(bytes, () => bytes.length);
    const width = dice.pick([1, 7, 100]);
    const inParts = read(bytes, (from) => Math.min(bytes.length, from + width));
    compareParts(whole, inParts, shown);
    if (whole === null) continue;
    if (typeof whole === 'string') {
      if (isStricter(whole)) continue;
      const seen = judge(bytes);
      // llhttp reads no further than a request for another protocol.
      if (typeof seen !== 'string' && seen.some(({ upgrade }) => upgrade)) continue;
      assert.ok(typeof seen === 'string', `ours says ${whole}, llhttp takes ${shown}`);
      continue;
    }
    if (!isKnownToBoth(whole.head, bytes)) continue;
    taken++;
    compareWithJudge(whole, bytes, shown);
  }
  return taken;
}

/** However it is cut, a message is the same, or is refused for the same reason. */
function compareParts(
  whole: Read | string | null,
  inParts: Read | string | null,
  shown: string,
): void {
  if (typeof whole !== 'object' || whole === null || typeof inParts !== 'object') {
    // Of two faults the one that is read first counts.
    if (typeof whole === 'string') assert.equal(typeof inParts, 'string', shown);
    else assert.equal(inParts, whole, shown);
    return;
  }
  assert.ok(inParts !== null, shown);
  // Two lists of fields are compared as `headers`.
  const withoutList = (one: Read) => ({ ...one, head: { ...one.head, headers: null } });
  assert.deepEqual(withoutList(inParts), withoutList(whole), shown);
}

function compareWithJudge(ours: Read, bytes: Buffer, shown: string): void {
  const { head, end, body, complete, headers, passed } = ours;
  const seen = judge(bytes.subarray(0, end));
  // A line of trailers is judged when all of it is there.
  if (!complete && typeof seen === 'string' && inTrailers(bytes, head)) return;
  assert.ok(typeof seen !== 'string', `llhttp says ${JSON.stringify(seen)} to ${shown}`);
  assert.equal(seen.length, 1, shown);
  const [theirs] = seen as [Seen];
  const isAbsolute = /^https?:/i.test(theirs.target);
  // node:http has no name for some that llhttp knows.
  if (theirs.method !== '?') assert.equal(head.method, theirs.method, shown);
  if (!isAbsolute) assert.equal(head.target, theirs.target, shown);
  assert.equal(`1.${head.minor}`, theirs.version, shown);
  if (!isAbsolute) assert.deepEqual(headers, theirs.headers, shown);
  if (passed !== null) assert.equal(passed, linesThatGoOn(headers), shown);
  if (head.method === 'CONNECT') return;
  assert.ok(head.upgrade === null || theirs.upgrade, shown);
  // llhttp lets go of a connection that asks for another protocol.
  if (theirs.upgrade) return;
  assert.equal(body, theirs.body, shown);
  assert.equal(complete, theirs.complete, shown);
  // llhttp takes Proxy-Connection, which no standard knows, for Connection.
  if (headers.some((name) => /^proxy-connection$/i.test(name))) return;
  if (head.minor === 1) assert.equal(!head.close, theirs.keepAlive, shown);
  else assert.ok(head.close || theirs.keepAlive, shown);
  if (!complete) return;
  // Not a byte earlier: the message is complete with its last byte only.
  const short = judge(bytes.subarray(0, end - 1));
  assert.ok(typeof short !== 'string' && short.every((one) => !one.complete), shown);
}

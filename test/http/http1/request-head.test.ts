/**
 * The strict reader against llhttp, which stays the judge of what a request is: over generated
 * messages, most of them damaged, whatever the reader takes llhttp must take, and see the same in it.
 * `STRICT_HEAD_MESSAGES` sets how many (1,000,000 before a change of the reader), `STRICT_HEAD_SEED`
 * repeats a run.
 */
import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { type StrictHead, readStrictHead } from '../../../src/http/http1/request-head.ts';

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

const limits = { size: 4096, fields: 60 };

function read(bytes: Buffer): StrictHead | null {
  return readStrictHead(bytes, 0, bytes.length, limits);
}

interface Seen {
  method: string;
  target: string;
  version: string;
  headers: string[];
  body: number;
  complete: boolean;
  upgrade: boolean;
  keepAlive: boolean;
}

/** What llhttp, as strict as the entry's, sees in bytes; an error's code when it refuses them. */
function judge(bytes: Buffer): Seen[] | string {
  const messages: Seen[] = [];
  const parser = new HTTPParser();
  parser.initialize(constant('REQUEST'), {}, limits.size, constant('kLenientNone'));
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
      body: 0,
      complete: false,
      upgrade,
      keepAlive,
    });
    early = [];
    earlyTarget = '';
  };
  const last = (): Seen => messages.at(-1) ?? assert.fail('a body before a head');
  parser[constant('kOnBody')] = (part: Buffer) => void (last().body += part.length);
  parser[constant('kOnMessageComplete')] = () => void (last().complete = true);
  const result = parser.execute(bytes);
  if (typeof result === 'number') return messages;
  return (result as Error & { code?: string }).code ?? 'unknown';
}

/** A small generator of pseudo-random numbers (mulberry32), so that a run can be repeated. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
  of<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }
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

function generate(random: Random): Buffer {
  const count = random.of([1, 1, 1, 2, 3]);
  let text = '';
  for (let i = 0; i < count; i++) text += message(random);
  for (let damage = random.below(6) - 2; damage > 0; damage--) text = damaged(text, random);
  return Buffer.from(text, 'latin1');
}

function message(random: Random): string {
  const common = random.below(2) === 0;
  const method = random.below(4) ? random.of(['GET', 'POST', 'PUT', 'HEAD']) : random.of(METHODS);
  const target = random.below(2) ? '/index/_doc/1' : random.of(targets);
  const lines = [`${method} ${target} ${common ? 'HTTP/1.1' : random.of(versions)}`];
  if (random.below(12) > 0) lines.push('Host: example.com');
  const many = random.below(60) === 0 ? 70 : random.below(6);
  for (let i = 0; i < many; i++) {
    lines.push(common && random.below(8) > 0 ? random.of(fields.slice(0, 4)) : random.of(fields));
  }
  let body = '';
  if (random.below(3) === 0) {
    body = random.of(['hello', '5\r\nhello\r\n0\r\n\r\n', '', 'hell']);
    if (random.below(2)) lines.push(`Content-Length: ${body.length}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

function damaged(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const end = at + random.below(4);
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at) + random.of(pieces) + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(end);
    case 2:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 3:
      return text.slice(0, at) + text.slice(at, end + 20) + text.slice(at);
    case 4:
      return text.replace('\r\n', random.of(['\n', '\r', '\r\r\n', '\n\r']));
    default:
      return random.below(4) === 0 ? text.slice(0, at) : text.slice(at).concat(text.slice(0, at));
  }
}

function linesThatGoOn(raw: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < raw.length; i += 2) {
    const staying = /^(host|expect|content-length|connection|keep-alive|te|http2-settings)$/i;
    if (!staying.test(raw[i] ?? '')) lines += `${raw[i]}: ${raw[i + 1]}\r\n`;
  }
  return lines;
}

describe('the strict reader of requests', () => {
  const messages = Number(process.env['STRICT_HEAD_MESSAGES'] ?? 30_000);
  const seed = Number(process.env['STRICT_HEAD_SEED'] ?? Date.now() % 1e9);

  test(`takes of ${messages} generated messages only what llhttp sees alike (seed ${seed})`, () => {
    const random = new Random(seed);
    let taken = 0;
    for (let i = 0; i < messages; i++) {
      const bytes = generate(random);
      const head = read(bytes);
      if (head === null) continue;
      taken++;
      const end = head.end + head.length;
      // What comes behind is another message's; a body that is not all there is made up.
      const whole = Buffer.concat([
        bytes.subarray(0, end),
        Buffer.alloc(Math.max(0, Math.min(end, 1e6) - bytes.length), 'x'),
      ]);
      if (end > 1e6) continue;
      const seen = judge(whole);
      // Before the array, which they do not outlive.
      const { passed } = head.headers;
      const headers = head.headers.raw;
      const shown = JSON.stringify(bytes.toString('latin1'));
      assert.ok(typeof seen !== 'string', `llhttp says ${JSON.stringify(seen)} to ${shown}`);
      assert.deepEqual(
        seen,
        [
          {
            method: head.method,
            target: head.target,
            version: '1.1',
            headers,
            body: head.length,
            complete: true,
            upgrade: false,
            keepAlive: !head.close,
          },
        ],
        shown,
      );
      if (passed !== null) assert.equal(passed, linesThatGoOn(headers), shown);
      // Not a byte earlier: the message is complete with its last byte only.
      const short = judge(whole.subarray(0, end - 1));
      assert.ok(typeof short !== 'string' && short.every(({ complete }) => !complete), shown);
    }
    assert.ok(taken > messages / 20, `only ${taken} were taken: the test shows nothing`);
  });

  for (const [what, request] of Object.entries({
    'a plain GET': 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'what curl sends':
      'GET /a?b=c HTTP/1.1\r\nHost: localhost:8000\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n',
    'a body of known length':
      'POST /_bulk HTTP/1.1\r\nhost: [::1]:80\r\ncontent-length: 3\r\n\r\nabc',
    'an empty value': 'GET / HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Space: \r\n\r\n',
    'the end of a connection': 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n',
  })) {
    test(`takes ${what}`, () => {
      assert.ok(read(Buffer.from(request)));
    });
  }

  const get = 'GET / HTTP/1.1\r\nHost: a\r\n';
  for (const [what, request] of Object.entries({
    'a head that is not complete': get,
    'an absolute target': 'GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n',
    'an asterisk': 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
    'another method': 'PURGE / HTTP/1.1\r\nHost: a\r\n\r\n',
    'HTTP/1.0': 'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
    'no Host': 'GET / HTTP/1.1\r\n\r\n',
    'two Hosts': `${get}Host: a\r\n\r\n`,
    chunks: `${get}Transfer-Encoding: chunked\r\n\r\n`,
    'two lengths': `${get}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`,
    'an upgrade': `${get}Upgrade: websocket\r\n\r\n`,
    'an expectation': `${get}Expect: 100-continue\r\n\r\n`,
    'fields named by Connection': `${get}Connection: x-field\r\n\r\n`,
    'a folded field': `${get}X: a\r\n b\r\n\r\n`,
    'a bare LF': `${get}X: a\nY: b\r\n\r\n`,
    'an empty line first': `\r\n${get}\r\n`,
    'more fields than the limit': `${get}${'X: y\r\n'.repeat(limits.fields)}\r\n`,
    'a head above the limit': `${get}X: ${'y'.repeat(limits.size)}\r\n\r\n`,
  })) {
    test(`leaves ${what} to node:http`, () => {
      assert.equal(read(Buffer.from(request, 'latin1')), null);
    });
  }
});

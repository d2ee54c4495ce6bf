/** Whatever is read as a plain head, the judge of all heads must see alike. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseHead } from '../../../src/http/http1/response-head-full.ts';
import { readPlainHead } from '../../../src/http/http1/response-head.ts';

const first = ['HTTP/1.1 200 OK', 'HTTP/1.1 404 ', 'HTTP/1.1 503 Gone away', 'HTTP/1.0 200 OK'];
const oddFirst = ['HTTP/1.1 200', 'HTTP/1.1 100 Continue', 'HTTP/1.1 099 x', 'http/1.1 200 OK', ''];
const plain = [
  'Content-Type: application/json',
  'Date: Thu, 01 Jan 1970 00:00:00 GMT',
  'X-Empty: ',
  'X-Latin: gr\xfc\xdfe',
  'X-Colon: a:b',
  'content-length: 5',
  'Connection: keep-alive',
  'Keep-Alive: timeout=5',
];
const odd = [
  'Content-Length: 5',
  'Content-Length: +5',
  'Content-Length:5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Connection: close',
  'Connection: close, x-field',
  'X-Padded:  a ',
  'X-Null: a\0b',
  'X-CR: a\rb',
  'X-LF: a\nb',
  'X-Folded: a\r\n b',
  'Blank : x',
  'No colon',
  'Trailer: X-Sum',
  'Upgrade: h2c',
];
const pieces = ['\r', '\n', '\r\n', ' ', '\t', ':', '\0', '\x7f', '\xff', '0'];

function pick<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)] as T;
}

function generate(): string {
  const lines = [Math.random() < 0.9 ? pick(first) : pick(oddFirst)];
  for (let i = Math.random() * 6; i > 1; i--) lines.push(pick(Math.random() < 0.8 ? plain : odd));
  const text = `${lines.join('\r\n')}\r\n\r\n`;
  if (Math.random() < 0.6) return text;
  const at = Math.floor(Math.random() * text.length);
  return text.slice(0, at) + pick([...pieces, '']) + text.slice(at + pick([0, 1, 2]));
}

suite('a plain head of a response', () => {
  const messages = Number(process.env['PLAIN_HEAD_MESSAGES'] ?? 30_000);

  test(`is what the judge of heads sees in it, over ${messages} generated ones`, () => {
    let taken = 0;
    for (let i = 0; i < messages; i++) {
      const text = generate();
      const shown = JSON.stringify(text);
      // What an earlier read has left behind must not count.
      const bytes = Buffer.from(`??${text}\r\n\r\nX: y\r\n\r\n`, 'latin1');
      const to = 2 + text.length;
      const head = readPlainHead(bytes, 2, to);
      if (head === null) continue;
      taken++;
      const { end, headers, ...rest } = head;
      assert.equal(end, 2 + text.indexOf('\r\n\r\n') + 4, shown);
      const { headers: judged, ...known } = parseHead(text.slice(0, end - 4));
      assert.deepEqual(rest, known, shown);
      assert.deepEqual(headers.asArray(), judged.asArray(), shown);
      // Not a byte earlier.
      assert.equal(readPlainHead(bytes, 2, end - 1), null, shown);
    }
    assert.ok(taken > messages / 10, `only ${taken} were taken: the test shows nothing`);
  });

  for (const text of [
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n',
    'HTTP/1.1 200 OK\r\nConnection: x-field\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTrailer: X\r\n\r\n',
    `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}\r\n\r\n`,
    'HTTP/1.1 200 OK\r\nX: y\r\n',
  ]) {
    test(`leaves ${JSON.stringify(text.slice(0, 70))} to the judge`, () => {
      assert.equal(readPlainHead(Buffer.from(text), 0, text.length), null);
    });
  }
});

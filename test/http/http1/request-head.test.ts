import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { compareReaders } from '../../../scripts/fuzz/differential.ts';
import { type ParsedHead, readRequestHead } from '../../../src/http/http1/request-head.ts';

const limits = { maxBytes: 4096, maxFields: 60 };

function read(text: string): ParsedHead | null {
  const bytes = Buffer.from(text, 'latin1');
  return readRequestHead(bytes, 0, bytes.length, limits);
}

function must(text: string): ParsedHead {
  return read(text) ?? assert.fail('unfinished');
}

suite('the reader of request heads', () => {
  const messages = Number(process.env['FUZZ_MESSAGES'] ?? 20_000);
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1e9);

  test(`sees what llhttp sees in ${messages} generated messages (seed ${seed})`, () => {
    const taken = compareReaders(messages, seed);
    assert.ok(taken > messages / 10, `only ${taken} were taken: the test shows nothing`);
  });

  const get = 'GET / HTTP/1.1\r\nHost: a\r\n';

  for (const [what, request] of Object.entries({
    'a plain GET': `${get}\r\n`,
    'what curl sends':
      'GET /a?b=c HTTP/1.1\r\nHost: localhost:8000\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n',
    'a body of known length':
      'POST /_bulk HTTP/1.1\r\nhost: [::1]:80\r\ncontent-length: 3\r\n\r\nabc',
    'an empty value': `${get}X-Empty:\r\nX-Space: \r\n\r\n`.replace('X-Empty:\r\n', ''),
    'the end of a connection': `${get}Connection: Close\r\n\r\n`,
    chunks: `${get}Transfer-Encoding: Chunked\r\n\r\n`,
    'an expectation': `${get}Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n`,
    'HTTP/1.0': 'GET / HTTP/1.0\r\n\r\n',
  })) {
    test(`passes the lines of ${what} on as they are`, () => {
      assert.notEqual(must(request).headers.passed, null);
    });
  }

  test('takes blanks around a value away', () => {
    const { headers } = must(`${get}X-A:  v \t\r\nX-B:w\r\nX-C:\r\n\r\n`);
    assert.equal(headers.passed, null);
    assert.deepEqual(headers.asArray(), ['Host', 'a', 'X-A', 'v', 'X-B', 'w', 'X-C', '']);
  });

  test('reads more fields than it has room for at first', () => {
    const text = `${get}${'X: y\r\n'.repeat(1000)}\r\n`;
    const bytes = Buffer.from(text);
    const head = readRequestHead(bytes, 0, bytes.length, { maxBytes: 1e5, maxFields: 2000 });
    assert.equal(head?.headers.asArray().length, 2002);
  });

  test('an absolute target says what the host is', () => {
    for (const text of [
      'GET http://y:8/a?b HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET http://y:8/a?b HTTP/1.0\r\n\r\n',
    ]) {
      const { target, headers } = must(text);
      assert.equal(target, '/a?b');
      assert.deepEqual(headers.getAll('host'), ['y:8']);
    }
  });

  for (const [fields, minor, close] of [
    ['', 1, false],
    ['', 0, true],
    ['Connection: keep-alive\r\n', 0, false],
    ['Connection: close\r\n', 1, true],
    ['Connection: x, Close\r\n', 1, true],
    ['Connection: x\r\nConnection: close\r\n', 1, true],
    ['Connection: closed\r\n', 1, false],
    ['Connection: keep-alive, close\r\n', 0, true],
  ] as const) {
    test(`HTTP/1.${minor}, ${JSON.stringify(fields)}: ${close ? 'ends' : 'stays'}`, () => {
      assert.equal(must(`GET / HTTP/1.${minor}\r\nHost: a\r\n${fields}\r\n`).close, close);
    });
  }

  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
  for (const [what, text, expected] of [
    ['asked for', `${get}${upgrade}\r\n`, 'websocket'],
    ['that Connection does not name', `${get}Upgrade: websocket\r\n\r\n`, null],
    ['to HTTP/2', `${get}${upgrade.replace('websocket', 'h2c')}\r\n`, null],
    ['with a body', `${get}${upgrade}Content-Length: 1\r\n\r\n`, null],
    ['with chunks', `${get}${upgrade}Transfer-Encoding: chunked\r\n\r\n`, null],
    ['of HTTP/1.0', `GET / HTTP/1.0\r\n${upgrade}\r\n`, null],
  ] as const) {
    test(`an upgrade ${what}`, () => {
      assert.equal(must(text).upgrade, expected);
    });
  }

  for (const [what, text, code] of [
    ['an expectation that nobody knows', `${get}Expect: x\r\n\r\n`, 'EXPECTATION_FAILED'],
    ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 'METHOD_NOT_ALLOWED'],
  ] as const) {
    test(`${what} is well-formed and not served`, () => {
      assert.equal(must(text).refusal?.code, code);
    });
  }

  for (const [what, text] of Object.entries({
    'a head that is not complete': get,
    'a method that is not complete': 'GE',
    'a target that is not complete': 'GET /a',
    'a version that is not complete': 'GET / HTTP/1.',
    'a line that is not complete': 'GET / HTTP/1.1\r',
    'an empty line that is not complete': `${get}\r`,
  })) {
    test(`waits for the rest of ${what}`, () => {
      assert.equal(read(text), null);
    });
  }

  for (const [what, text, code] of [
    ['two blanks after the method', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a leading CR', `\r${get}\r\n`],
    ['a folded field', `${get}X: a\r\n b\r\n\r\n`],
    ['a bare LF', `${get}X: a\nY: b\r\n\r\n`],
    ['garbage that is not complete', '\x16\x03\x01'],
    ['another protocol that is not complete', 'GET / SIP/2'],
    ['a tab after chunked', `${get}Transfer-Encoding: chunked\t\r\n\r\n`],
    ['two lengths', `${get}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`],
    ['more fields than the limit', `${get}${'X: y\r\n'.repeat(60)}\r\n`, 'HEAD_TOO_LARGE'],
    ['a head above the limit', `${get}X: ${'y'.repeat(4096)}\r\n\r\n`, 'HEAD_TOO_LARGE'],
    ['an unfinished head above the limit', `${get}X: ${'y'.repeat(4096)}`, 'HEAD_TOO_LARGE'],
  ] as const) {
    test(`refuses ${what}`, () => {
      assert.throws(() => read(text), { code: code ?? 'REQUEST_MALFORMED' });
    });
  }
});

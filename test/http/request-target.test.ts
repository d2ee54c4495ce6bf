import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isHost, isMethod, originTarget, requestTarget } from '../../src/http/request-target.ts';

const refused = { code: 'REQUEST_MALFORMED' };

suite('a request target', () => {
  for (const [method, text, target] of [
    ['GET', '/', '/'],
    ['GET', '/a/_doc/..%2Fx?q=%ff', '/a/_doc/..%2Fx?q=%ff'],
    ['GET', '//host/path', '//host/path'],
    ['OPTIONS', '*', '*'],
    ['GET', Buffer.from('/é?q=日本').toString('latin1'), '/%C3%A9?q=%E6%97%A5%E6%9C%AC'],
    ['GET', 'http://y/a?b', '/a?b'],
    ['GET', 'HTTPS://y:8?b', '/?b'],
    ['GET', 'http://y', '/'],
  ] as const) {
    test(`${method} ${text}`, () => {
      assert.equal(requestTarget(method, text).target, target);
    });
  }

  for (const [method, text] of [
    ['GET', '*'],
    ['GET', ''],
    ['GET', 'a'],
    ['GET', '?a'],
    ['GET', '/a#b'],
    ['GET', '/a b'],
    ['GET', '/a\0'],
    ['GET', '/a\x7f'],
    ['GET', '/a\r\n'],
    ['GET', '/caf\xe9'],
    ['GET', '/\xc0\xae\xc0\xae'],
    ['GET', 'http:///a'],
    ['GET', 'http://user@y/'],
    ['GET', 'http://y/#a'],
    ['GET', 'ftp://y/'],
    ['CONNECT', 'y:443'],
  ] as const) {
    test(`${method} ${JSON.stringify(text)} is refused`, () => {
      assert.throws(() => requestTarget(method, text), refused);
    });
  }

  test('the host of an absolute target is told', () => {
    assert.equal(requestTarget('GET', 'http://y:80/a').authority, 'y:80');
    assert.equal(requestTarget('GET', '/a').authority, null);
  });

  test('HTTP/2 knows no absolute form', () => {
    assert.throws(() => originTarget('GET', 'http://y/a'), refused);
  });
});

test('hosts', () => {
  for (const host of ['x', 'x:', 'x:80', '127.0.0.1:1', '[::1]', '[::1]:', 'a_b.c-d~', 'x%20y']) {
    assert.ok(isHost(host), host);
  }
  for (const host of [
    '',
    ':80',
    'a b',
    'a,b',
    'u@a',
    'a/b',
    'a?b',
    'x:80a',
    'x:1:2',
    '[::1',
    'é',
  ]) {
    assert.ok(!isHost(host), host);
  }
});

test('methods', () => {
  for (const name of ['GET', 'FOO', 'M-SEARCH', "X!#$%&'*+-.^_`|~9"])
    assert.ok(isMethod(name), name);
  for (const name of ['', 'get', 'Get', 'GE T', 'GET/', 'G\0T', 'GÉT', 'A:B']) {
    assert.ok(!isMethod(name), name);
  }
});

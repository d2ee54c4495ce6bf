import assert from 'node:assert/strict';
import { test } from 'node:test';
import { collide, parseAddress, renderAddress } from '../../../src/config/sections/address.ts';

const good: readonly [string, string, number][] = [
  ['0.0.0.0:8000', '0.0.0.0', 8000],
  ['127.0.0.1:0', '127.0.0.1', 0],
  ['[::]:8000', '::', 8000],
  ['[fe80::1%eth0]:65535', 'fe80::1%eth0', 65535],
  [':8000', '::', 8000],
  ['localhost:80', 'localhost', 80],
  ['es-1.example.org.:80', 'es-1.example.org.', 80],
];

for (const [text, host, port] of good) {
  test(`${text} is an address`, () => {
    assert.deepEqual(parseAddress(text), { host, port });
  });
}

const bad: readonly [string, RegExp][] = [
  ['', /port is missing/],
  ['8000', /write ":8000"/],
  ['0.0.0.0', /port is missing/],
  ['0.0.0.0:', /port is missing/],
  ['0.0.0.0:65536', /from 0 to 65535/],
  ['0.0.0.0:80a', /not a port/],
  ['0.0.0.0:+80', /not a port/],
  ['0.0.0:80', /not an IPv4 address/],
  ['1.2.3.4.5:80', /not an IPv4 address/],
  ['::1:8000', /"\[::1\]:8000"/],
  ['[::1]', /port is missing/],
  ['[1.2.3.4]:80', /not an IPv6 address/],
  ['[::1]80', /expected \[IPv6 address\]:port/],
  ['http://a:80', /without a scheme/],
  ['*:80', /"0\.0\.0\.0:80"/],
  ['a b:80', /not an IPv4 address or a host name/],
  ['a..b:80', /not an IPv4 address or a host name/],
];

for (const [text, message] of bad) {
  test(`${JSON.stringify(text)} is no address`, () => {
    const wrong = parseAddress(text);
    assert.equal(typeof wrong, 'string');
    assert.match(wrong as string, message);
  });
}

test('a published address has a host and a port that is not 0', () => {
  assert.equal(typeof parseAddress(':80', 1), 'string');
  assert.equal(typeof parseAddress('a:0', 1), 'string');
  assert.deepEqual(parseAddress('a:1', 1), { host: 'a', port: 1 });
});

test('an IPv6 address gets its brackets back', () => {
  assert.equal(renderAddress({ host: '::1', port: 1 }), '[::1]:1');
  assert.equal(renderAddress({ host: 'a', port: 1 }), 'a:1');
});

const pairs: readonly [string, string, boolean][] = [
  ['127.0.0.1', '127.0.0.1', true],
  ['127.0.0.1', '127.0.0.2', false],
  ['0.0.0.0', '127.0.0.1', true],
  ['0.0.0.0', '::', true],
  ['0.0.0.0', '::1', false],
  ['0.0.0.0', 'example.org', true],
  ['::', '127.0.0.1', true],
  ['::', 'fe80::1%a', true],
  ['::1', '0:0::1', true],
  ['FE80::1%a', 'fe80::1%a', true],
  ['fe80::1%a', 'fe80::1%b', false],
  ['::ffff:127.0.0.1', '127.0.0.1', true],
  ['::ffff:127.0.0.1', '0.0.0.0', true],
  ['localhost', '127.0.0.1', true],
  ['localhost', '::1', true],
  ['localhost', 'LOCALHOST.', true],
  ['a.example', 'b.example', false],
];

for (const [one, other, expected] of pairs) {
  test(`${one} and ${other} ${expected ? 'collide' : 'stand side by side'}`, () => {
    for (const [first, second] of [
      [one, other],
      [other, one],
    ] as const) {
      assert.equal(collide({ host: first, port: 80 }, { host: second, port: 80 }), expected);
      assert.equal(collide({ host: first, port: 80 }, { host: second, port: 81 }), false);
      assert.equal(collide({ host: first, port: 0 }, { host: second, port: 0 }), false);
    }
  });
}

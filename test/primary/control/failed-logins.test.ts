import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FailedLogins } from '../../../src/primary/control/failed-logins.ts';

function fail(logins: FailedLogins, address: string, times: number): void {
  for (let i = 0; i < times; i++) logins.failed(address);
}

test('some failures cost nothing, further ones more and more, up to a bound', () => {
  const logins = new FailedLogins();
  fail(logins, '10.0.0.1', 4);
  assert.equal(logins.wait('10.0.0.1'), 0);
  const waits = Array.from({ length: 8 }, () => {
    logins.failed('10.0.0.1');
    return Math.round(logins.wait('10.0.0.1') / 100) * 100;
  });
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 5000, 5000, 5000, 5000]);
  assert.equal(logins.wait('10.0.0.2'), 0, 'another address');
  logins.succeeded('10.0.0.1');
  assert.equal(logins.wait('10.0.0.1'), 0);
});

test('the addresses of one network count together, however they are written', () => {
  const logins = new FailedLogins();
  fail(logins, '2001:db8:0:1::1', 3);
  fail(logins, '2001:db8:0:1:2:3:4:5', 3);
  assert.ok(logins.wait('2001:db8:0:1::ffff') > 0);
  assert.equal(logins.wait('2001:db8:0:2::1'), 0);
  fail(logins, '::ffff:10.0.0.1', 6);
  assert.ok(logins.wait('10.0.0.1') > 0);
  assert.equal(logins.wait('10.0.0.2'), 0);
});

test('memory is bounded; the address that failed last is remembered', () => {
  const logins = new FailedLogins();
  fail(logins, '10.9.9.9', 6);
  for (let i = 0; i < 5000; i++) {
    logins.failed(`10.0.${i >> 8}.${i & 255}`);
    if (i % 500 === 0) logins.failed('10.9.9.9');
  }
  assert.ok(logins.size <= 1024, `${logins.size} addresses`);
  assert.ok(logins.wait('10.9.9.9') > 0);
});

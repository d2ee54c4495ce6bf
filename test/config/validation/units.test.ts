import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../../src/suggest.ts';
import { parseBytes, parseDuration } from '../../../src/config/validation/units.ts';

const durations: readonly [unknown, number | undefined][] = [
  ['30s', 30_000],
  ['500ms', 500],
  ['1h30m', 5_400_000],
  ['1.5s', 1500],
  ['2d', 172_800_000],
  ['0s', 0],
  [7, 7000],
  ['7', 7000],
  [0, 0],
  [-1, undefined],
  ['-1s', undefined],
  ['', undefined],
  ['s', undefined],
  ['5 minutes', undefined],
  ['1s 2', undefined],
  [Number.NaN, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  [true, undefined],
];

for (const [value, expected] of durations) {
  test(`the duration ${JSON.stringify(value)}`, () => {
    assert.equal(parseDuration(value), expected);
  });
}

const sizes: readonly [unknown, number | undefined][] = [
  ['10mb', 10_485_760],
  ['512kb', 524_288],
  ['512K', 524_288],
  ['1 GiB', 1_073_741_824],
  ['100b', 100],
  ['100', 100],
  [100, 100],
  ['1.5k', 1536],
  [-1, undefined],
  ['huge', undefined],
  ['10mbit', undefined],
  ['', undefined],
];

for (const [value, expected] of sizes) {
  test(`the size ${JSON.stringify(value)}`, () => {
    assert.equal(parseBytes(value), expected);
  });
}

test('a slip is recognised, another word is not', () => {
  const names = ['router', 'flow', 'entry', 'reuse_port', 'echo'];
  assert.equal(nearest('roter', names), 'router');
  assert.equal(nearest('routers', names), 'router');
  assert.equal(nearest('ReusePort', names), 'reuse_port');
  assert.equal(nearest('reuse-port', names), 'reuse_port');
  assert.equal(nearest('ehco', names), 'echo');
  assert.equal(nearest('cluster', names), undefined);
  assert.equal(nearest('x', names), undefined);
  assert.equal(nearest('flow', []), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderStatus } from '../../../src/cli/output/outline.ts';

test('a status is an outline with tables', () => {
  const status = {
    pid: 7,
    state: 'running',
    entries: [
      { name: 'a', addresses: ['1.2.3.4:80', '[::1]:80'], publish: null },
      { name: 'longer', addresses: [], publish: 'x:80' },
    ],
    draining: [],
    reloads: [{ generation: 2, workers: [{ slot: 0, pid: 1, took: 30 }] }],
    memory: 1024 * 1024 * 1.5,
    waiting: null,
    long: [1, 2, 3, 4, 5, 6, 7, 8, 9],
    extra: { deep: { list: [{ a: [{ b: 1 }] }] } },
  };
  assert.equal(
    renderStatus(status),
    [
      'pid       7',
      'state     running',
      'entries',
      '  name    addresses             publish',
      '  a       1.2.3.4:80, [::1]:80  -',
      '  longer  -                     x:80',
      'draining  -',
      'reloads',
      '  generation  workers',
      '  2           0 in 30 ms',
      'memory    1.5 MB',
      'waiting   -',
      'long      1 and 8 more',
      'extra',
      '  deep',
      '    list',
      '      a',
      '        b',
      '        1',
    ].join('\n'),
  );
});

test('anything at all can be rendered', () => {
  for (const value of [null, undefined, 5, 'x', [], {}, [1, [2]], [null, { a: 1 }]]) {
    assert.equal(typeof renderStatus(value), 'string');
  }
});

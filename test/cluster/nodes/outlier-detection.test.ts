import assert from 'node:assert/strict';
import { test } from 'node:test';
import pino from 'pino';
import { NodeHealth } from '../../../src/cluster/nodes/outlier-detection.ts';
import { eventually } from '../../support/eventually.ts';

const log = pino({ level: 'silent' });

test('a node that answers is left out after three failures in a row, not for two', () => {
  const health = new NodeHealth('n', log);
  health.failed('reset', false);
  health.failed('reset', false);
  health.succeeded();
  health.failed('reset', false);
  health.failed('reset', false);
  assert.equal(health.available, true);
  health.failed('reset', false);
  assert.equal(health.available, false);
});

test('a node that cannot be reached is left out at once, and tried by one request later', async () => {
  const health = new NodeHealth('n', log);
  const start = performance.now();
  // A hundred requests meet the dead node at the same time: that is one ejection.
  for (let i = 0; i < 100; i++) health.failed('refused', true);
  assert.equal(health.available, false);
  await eventually('a trial is due', () => health.available);
  assert.ok(performance.now() - start >= 1000, 'too early');
  health.chosen();
  assert.equal(health.available, false, 'one trial at a time');
  health.succeeded();
  assert.equal(health.available, true);
  assert.equal(health.ejected, false);
});

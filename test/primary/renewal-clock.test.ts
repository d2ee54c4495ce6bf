import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { RenewalClock } from '../../src/primary/reload/certificates.ts';

test('a renewal that fails is tried again, later each time, until it has come about', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
  const asked: number[] = [];
  const clock = new RenewalClock(async () => {
    asked.push(Date.now() - 1_000_000);
    if (asked.length === 4) clock.set(Date.now() + 90_000);
  });
  const pass = async (time: number): Promise<void> => {
    for (let i = 0; i < time; i += 500) {
      t.mock.timers.tick(500);
      await turn();
    }
  };
  clock.set(1_000_000 + 5000.25);
  await pass(60_000);
  assert.deepEqual(asked, [5500, 6500, 8500, 12_500], 'one, two, four seconds later');
  await pass(43_500);
  assert.deepEqual(asked.slice(4), [102_500, 103_500], 'and then as set');
  clock.set(null);
  await pass(10_000);
  assert.equal(asked.length, 6);
});

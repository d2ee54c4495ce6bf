import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { InflightBytes } from '../../../src/http/body/memory-budget.ts';

const large = 64 << 20;

test('what is given back is freed, although nobody needs room', { timeout: 30_000 }, async () => {
  const whole = new InflightBytes(0);
  const ofEntry = new InflightBytes(0, whole);
  assert.ok(ofEntry.take(large));
  const body = new WeakRef(Buffer.alloc(large));
  // A reference is strong until the turn of the event loop in which it was made is over.
  await delay(1);
  ofEntry.give(large);
  while (body.deref() !== undefined) await delay(50);
});

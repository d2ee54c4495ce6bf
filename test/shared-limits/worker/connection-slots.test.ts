import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseSource } from '../../../src/shared-limits/messages.ts';
import { ConnectionSlots } from '../../../src/shared-limits/worker/connection-slots.ts';

/** Slots whose requests and returns are recorded. */
function setUp(limit: number) {
  const asked: number[] = [];
  const given: number[] = [];
  const source: LeaseSource = {
    request: ({ amount }) => void asked.push(amount),
    return: ({ amount }) => void given.push(amount),
    forget: () => {},
  };
  const slots = new ConnectionSlots(source, 'a', limit);
  const grant = (amount: number): void =>
    slots.granted({ type: 'lease-grant', kind: 'slots', key: 'a', amount });
  return { slots, grant, asked, given };
}

test('borrows a batch before the first connection, and another before the last is used', () => {
  const { slots, grant, asked } = setUp(10_000);
  slots.open();
  assert.deepEqual(asked, [64]);
  grant(64);
  for (let i = 0; i < 32; i++) assert.equal(slots.take(), true);
  assert.deepEqual(asked, [64]);
  assert.equal(slots.take(), true);
  assert.deepEqual(asked, [64, 64], 'asks once, below half a batch');
  assert.equal(slots.take(), true);
  assert.deepEqual(asked, [64, 64], 'and not again before the answer');
});

test('a small limit is borrowed one by one', () => {
  const { slots, asked } = setUp(2);
  slots.open();
  assert.deepEqual(asked, [1]);
});

test('without a slot a connection waits for the answer, and 0 refuses it', () => {
  const { slots, grant } = setUp(2);
  const answers: boolean[] = [];
  assert.equal(slots.take(), false);
  slots.wait((granted) => answers.push(granted));
  slots.wait((granted) => answers.push(granted));
  assert.deepEqual(answers, []);
  grant(1);
  assert.deepEqual(answers, [true]);
  grant(0);
  assert.deepEqual(answers, [true, false]);
  assert.equal(slots.free, 0);
});

test('a connection that ends makes room for one that waits', () => {
  const { slots, grant, asked } = setUp(1);
  slots.open();
  grant(1);
  slots.take();
  const answers: boolean[] = [];
  slots.wait((granted) => answers.push(granted));
  slots.release();
  assert.deepEqual(answers, [true]);
  assert.deepEqual(asked, [1, 2]);
});

test('surplus goes back, a recall takes what is free, and is answered even when nothing is', () => {
  const { slots, grant, given } = setUp(64);
  slots.open();
  grant(5);
  for (let i = 0; i < 5; i++) slots.take();
  for (let i = 0; i < 5; i++) slots.release();
  assert.deepEqual(given, [3]);
  slots.recalled();
  slots.recalled();
  assert.deepEqual(given, [3, 2, 0]);
});

test('a draining worker keeps nothing back, and returns what comes late', () => {
  const { slots, grant, given, asked } = setUp(10_000);
  slots.open();
  grant(64);
  slots.take();
  slots.drain();
  assert.deepEqual(given, [63]);
  slots.release();
  assert.deepEqual(given, [63, 1]);
  slots.wait(() => {});
  assert.deepEqual(asked, [64, 1]);
  grant(3);
  assert.deepEqual(given, [63, 1, 2]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Permits } from '../../../src/shared-limits/worker/connection-slots.ts';

/** Permits whose wishes and returns are recorded. */
function setUp(limit: number) {
  const asked: number[] = [];
  const given: number[] = [];
  const permits = new Permits(
    { request: (count) => void asked.push(count), give: (count) => void given.push(count) },
    limit,
  );
  return { permits, asked, given };
}

test('borrows a batch before the first connection, and another before the last is used', () => {
  const { permits, asked } = setUp(10_000);
  permits.open();
  assert.deepEqual(asked, [64]);
  permits.grant(64);
  for (let i = 0; i < 32; i++) assert.equal(permits.take(), true);
  assert.deepEqual(asked, [64]);
  assert.equal(permits.take(), true);
  assert.deepEqual(asked, [64, 64], 'asks once, below half a batch');
  assert.equal(permits.take(), true);
  assert.deepEqual(asked, [64, 64], 'and not again before the answer');
});

test('a small limit is borrowed one by one', () => {
  const { permits, asked } = setUp(2);
  permits.open();
  assert.deepEqual(asked, [1]);
});

test('without a permit a connection waits for the answer, and 0 refuses it', () => {
  const { permits } = setUp(2);
  const answers: boolean[] = [];
  assert.equal(permits.take(), false);
  permits.wait((granted) => answers.push(granted));
  permits.wait((granted) => answers.push(granted));
  assert.deepEqual(answers, []);
  permits.grant(1);
  assert.deepEqual(answers, [true]);
  permits.grant(0);
  assert.deepEqual(answers, [true, false]);
  assert.equal(permits.free, 0);
});

test('a connection that ends makes room for one that waits', () => {
  const { permits, asked } = setUp(1);
  permits.open();
  permits.grant(1);
  permits.take();
  const answers: boolean[] = [];
  permits.wait((granted) => answers.push(granted));
  permits.release();
  assert.deepEqual(answers, [true]);
  assert.deepEqual(asked, [1, 2]);
});

test('surplus goes back, a recall takes what is free, and is answered even when nothing is', () => {
  const { permits, given } = setUp(64);
  permits.open();
  permits.grant(5);
  for (let i = 0; i < 5; i++) permits.take();
  for (let i = 0; i < 5; i++) permits.release();
  assert.deepEqual(given, [3]);
  permits.recall();
  permits.recall();
  assert.deepEqual(given, [3, 2, 0]);
});

test('a draining worker keeps nothing back, and returns what comes late', () => {
  const { permits, given, asked } = setUp(10_000);
  permits.open();
  permits.grant(64);
  permits.take();
  permits.drain();
  assert.deepEqual(given, [63]);
  permits.release();
  assert.deepEqual(given, [63, 1]);
  permits.wait(() => {});
  assert.deepEqual(asked, [64, 1]);
  permits.grant(3);
  assert.deepEqual(given, [63, 1, 2]);
});

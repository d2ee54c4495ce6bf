import assert from 'node:assert/strict';
import { test } from 'node:test';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { hashSync } from 'bcryptjs';
import type { PasswordQuestion } from '../../../src/filters/access/password-thread.ts';
import { ThreadPool } from '../../../src/runtime/threads/thread-pool.ts';

const hash = hashSync('right', 8);
const right: PasswordQuestion = { password: 'right', hash };
const wrong: PasswordQuestion = { password: 'wrong', hash };
const hard: PasswordQuestion = { password: 'x', hash: `$2b$15$${'.'.repeat(53)}` };

function pool(
  options: { maxWaiting?: number; maxWaitingOfClient?: number; timeoutMs?: number } = {},
) {
  const defaults = { maxWaiting: 100, maxWaitingOfClient: 50, timeoutMs: 0 };
  return new ThreadPool<PasswordQuestion, boolean>('filters/access/password-thread', {
    ...defaults,
    ...options,
  });
}

test('answers, and passes on what went wrong', async () => {
  const threads = pool();
  assert.equal(await threads.ask(right, 'a').answer, true);
  assert.equal(await threads.ask(wrong, 'a').answer, false);
  const bad = { password: 1, hash } as never;
  await assert.rejects(threads.ask(bad, 'a').answer, /Illegal arguments/);
  assert.equal(await threads.ask(right, 'a').answer, true);
});

test('one client that asks much keeps no other waiting', async () => {
  const threads = pool();
  const order: string[] = [];
  const ask = async (client: string): Promise<void> => {
    await threads.ask(wrong, client).answer;
    order.push(client);
  };
  const all = [...Array.from({ length: 30 }, () => ask('loud')), ask('quiet'), ask('other')];
  await Promise.all(all);
  const place = Math.max(order.indexOf('quiet'), order.indexOf('other'));
  assert.ok(place < 15, `the others were answered at place ${place}`);
});

test('refuses what is too much, of one client or of all', async () => {
  const threads = pool({ maxWaiting: 6, maxWaitingOfClient: 4 });
  const busy = Array.from({ length: 4 }, (_, i) => threads.ask(hard, `busy${i}`));
  const waiting: { cancel(): void; answer: Promise<boolean> }[] = [...busy];
  const refusals: string[] = [];
  for (const client of 'aaaaaaabbbbbbb') {
    try {
      waiting.push(threads.ask(right, client));
    } catch (error) {
      refusals.push(`${client} ${(error as { code: string }).code}`);
    }
  }
  assert.ok(refusals.includes('a TOO_BUSY') && refusals.includes('b TOO_BUSY'));
  for (const task of waiting) task.cancel();
  for (const { answer } of waiting) await assert.rejects(answer, { code: 'CLIENT_GONE' });
});

test('what is not wanted any more is not worked on', async () => {
  const threads = pool();
  // More than there are threads; only those in hand are worked on to their end.
  const tasks = Array.from({ length: 40 }, () => threads.ask(hard, 'gone'));
  for (const task of tasks) {
    task.answer.catch(() => {});
    task.cancel();
  }
  for (let i = 0; i < 50; i++) {
    const task = threads.ask(right, 'a');
    task.answer.catch(() => {});
    task.cancel();
  }
});

test('an answer that takes too long ends with its thread, and others go on', async () => {
  const threads = pool({ timeoutMs: 300 });
  await assert.rejects(threads.ask(hard, 'a').answer, { code: 'TOO_BUSY' });
  const patient = pool();
  assert.equal(await patient.ask(right, 'a').answer, true);
});

test('a thread keeps nothing of a large question', { timeout: 60_000 }, async (t) => {
  const file = new URL('../../../src/filters/changing/replacement-thread.ts', import.meta.url);
  const thread = new Worker(file);
  t.after(() => thread.terminate());
  const parts = [{ text: 'b', isTemplate: true }];
  const answered = once(thread, 'message');
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window
  thread.postMessage({ pattern: 'a', parts, text: `a${'x'.repeat(64 << 20)}` });
  await answered;
  for (let used = Infinity; used > 48 << 20; await delay(50)) {
    used = (await thread.getHeapStatistics()).used_heap_size;
  }
});

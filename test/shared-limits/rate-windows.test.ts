/** Limits over several workers, whose messages arrive late and in turn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LimitRules } from '../../src/flow/filter.ts';
import { LocalLeaseKeeper } from '../../src/shared-limits/primary/lease-keeper.ts';
import { LeasingWorker } from '../support/leasing-worker.ts';

const rules = (max: number, interval = 3_600_000): LimitRules => ({ max, most: max, interval });

for (const max of [1, 2, 7, 100, 1000]) {
  test(`exactly ${max} pass in an interval, over three workers`, async () => {
    const keeper = new LocalLeaseKeeper();
    const workers = Array.from({ length: 3 }, () => new LeasingWorker(keeper));
    const opened = workers.map(({ windows }) => windows.open('l', rules(max)));
    const messages = (): number => workers.reduce((sum, each) => sum + each.messages, 0);
    let passed = 0;
    // The first worker gets most, and first; the last one comes when the others are done.
    const ask = async (index: number, count: number): Promise<void> => {
      for (let i = 0; i < count; i++) if (await opened[index]?.take('k', 1)) passed++;
    };
    await Promise.all([ask(0, Math.ceil(max / 2)), ask(1, Math.ceil(max / 10))]);
    await ask(2, max * 2);
    assert.equal(passed, max);
    const needed = messages();
    assert.ok(needed < 60 + max / 2, `${needed} messages for ${max} requests`);
    await Promise.all([ask(0, 1000), ask(1, 1000), ask(2, 1000)]);
    assert.equal(passed, max);
    const more = messages() - needed;
    assert.ok(more < 30, `${more} messages for refusals`);
    for (const { windows } of workers) windows.close();
  });
}

test('a worker that is gone takes nothing with it that it gave back', async () => {
  const keeper = new LocalLeaseKeeper();
  const before = new LeasingWorker(keeper);
  const old = before.windows.open('l', rules(100));
  for (let i = 0; i < 30; i++) assert.ok(await old.take('k', 1));
  const after = new LeasingWorker(keeper, 2);
  const renewed = after.windows.open('l', rules(100));
  before.windows.close();
  await sleep(5);
  keeper.remove(before);
  let passed = 0;
  for (let i = 0; i < 200; i++) if (await renewed.take('k', 1)) passed++;
  assert.equal(passed, 70);
});

test('a limit that a reload lowers or raises counts what was spent', async () => {
  for (const [next, left] of [
    [60, 30],
    [200, 170],
    [10, 0],
  ] as const) {
    const keeper = new LocalLeaseKeeper();
    const before = new LeasingWorker(keeper);
    const old = before.windows.open('l', rules(100));
    for (let i = 0; i < 30; i++) assert.ok(await old.take('k', 1));
    const after = new LeasingWorker(keeper, 2);
    const renewed = after.windows.open('l', rules(next));
    let passed = 0;
    for (let i = 0; i < 300; i++) if (await renewed.take('k', 1)) passed++;
    assert.equal(passed, left, `${next}`);
  }
});

test('a worker that dies keeps nobody waiting', async () => {
  const keeper = new LocalLeaseKeeper();
  const dying = new LeasingWorker(keeper);
  const first = dying.windows.open('l', rules(10));
  for (let i = 0; i < 5; i++) assert.ok(await first.take('k', 1));
  const other = new LeasingWorker(keeper);
  const second = other.windows.open('l', rules(10));
  dying.receive = () => {};
  const asking = (async () => {
    let passed = 0;
    for (let i = 0; i < 10; i++) if (await second.take('k', 1)) passed++;
    return passed;
  })();
  await sleep(20);
  keeper.remove(dying);
  assert.ok((await asking) <= 5);
});

test('many keys cost memory only as long as they count', async () => {
  const keeper = new LocalLeaseKeeper();
  const { windows } = new LeasingWorker(keeper);
  const limit = windows.open('l', rules(1, 3000));
  const keys = Array.from({ length: 100_000 }, (_, i) => `key ${i}`);
  const all = await Promise.all(keys.map(async (key) => limit.take(key, 1)));
  assert.ok(all.every(Boolean));
  assert.ok(keeper.size > 0 && keeper.size <= 100_000, `${keeper.size} keys`);
  const deadline = performance.now() + 120_000;
  while (keeper.size > 0 && performance.now() < deadline) await sleep(50);
  assert.equal(keeper.size, 0);
});

test('a worker that does not respond is not waited for', async () => {
  const keeper = new LocalLeaseKeeper();
  const [hung, other] = [new LeasingWorker(keeper), new LeasingWorker(keeper)];
  const opened = [hung, other].map(({ windows }) => windows.open('l', rules(10)));
  assert.equal(await opened[0]?.take('k', 1), true);
  hung.receive = () => {};
  const takeAll = async (): Promise<boolean[]> =>
    Promise.all(Array.from({ length: 10 }, async () => opened[1]?.take('k', 1) === true));
  await takeAll();
  const last = opened[1]?.take('k', 10);
  await sleep(20);
  keeper.setAbsent(hung, true);
  assert.equal(await last, false, 'the one that waits is answered');
  assert.equal(await opened[1]?.take('k', 10), false, 'and so is every later one');
});

test('the limit of a reload that was abandoned is forgotten with its workers', async () => {
  const keeper = new LocalLeaseKeeper();
  const before = new LeasingWorker(keeper);
  const old = before.windows.open('l', rules(100));
  assert.equal(await old.take('k', 1), true);
  const abandoned = new LeasingWorker(keeper, 2);
  assert.equal(await abandoned.windows.open('l', rules(1)).take('k', 1), false);
  keeper.remove(abandoned);
  let passed = 1;
  for (let i = 0; i < 200; i++) if (await old.take('k', 1)) passed++;
  assert.equal(passed, 100);
});

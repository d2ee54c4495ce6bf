/** Limits over several workers, whose messages arrive late and in turn. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LimitSpec, LimitToPrimary, LimitToWorker } from '../../src/shared-limits/messages.ts';
import { type LimitHolder, Limits } from '../../src/shared-limits/primary/rate-windows.ts';
import { LimitShares } from '../../src/shared-limits/worker/rate-window.ts';

let messages = 0;

class StandInWorker implements LimitHolder {
  readonly generation: { number: number };
  readonly shares: LimitShares;
  readonly #limits: Limits;

  constructor(limits: Limits, generation = 1) {
    this.generation = { number: generation };
    this.#limits = limits;
    this.shares = new LimitShares((message) => this.#tell(message));
    limits.add(this);
  }

  send(message: LimitToWorker): void {
    messages++;
    setImmediate(() => this.shares.take(message));
  }

  #tell(message: LimitToPrimary): void {
    messages++;
    setImmediate(() => {
      const { key } = message;
      if (message.type === 'limit-returned') {
        this.#limits.returned(this, message.id, key, message.window, message.count);
      } else this.#limits.wanted(this, message.spec, key, message.need, message.want);
    });
  }
}

const spec = (max: number, interval = 3_600_000): LimitSpec => ({
  id: 'l',
  max,
  most: max,
  interval,
});

for (const max of [1, 2, 7, 100, 1000]) {
  test(`exactly ${max} pass in an interval, over three workers`, async () => {
    const limits = new Limits();
    const workers = Array.from({ length: 3 }, () => new StandInWorker(limits));
    const opened = workers.map(({ shares }) => shares.open(spec(max)));
    let passed = 0;
    messages = 0;
    // The first worker gets most, and first; the last one comes when the others are done.
    const ask = async (index: number, count: number): Promise<void> => {
      for (let i = 0; i < count; i++) if (await opened[index]?.take('k', 1)) passed++;
    };
    await Promise.all([ask(0, Math.ceil(max / 2)), ask(1, Math.ceil(max / 10))]);
    await ask(2, max * 2);
    assert.equal(passed, max);
    assert.ok(messages < 60 + max / 2, `${messages} messages for ${max} requests`);
    messages = 0;
    await Promise.all([ask(0, 1000), ask(1, 1000), ask(2, 1000)]);
    assert.equal(passed, max);
    assert.ok(messages < 30, `${messages} messages for refusals`);
    for (const { shares } of workers) shares.close();
  });
}

test('a worker that is gone takes nothing with it that it gave back', async () => {
  const limits = new Limits();
  const before = new StandInWorker(limits);
  const old = before.shares.open(spec(100));
  for (let i = 0; i < 30; i++) assert.ok(await old.take('k', 1));
  const after = new StandInWorker(limits, 2);
  const renewed = after.shares.open(spec(100));
  before.shares.close();
  await sleep(5);
  limits.remove(before);
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
    const limits = new Limits();
    const before = new StandInWorker(limits);
    const old = before.shares.open(spec(100));
    for (let i = 0; i < 30; i++) assert.ok(await old.take('k', 1));
    const after = new StandInWorker(limits, 2);
    const renewed = after.shares.open(spec(next));
    let passed = 0;
    for (let i = 0; i < 300; i++) if (await renewed.take('k', 1)) passed++;
    assert.equal(passed, left, `${next}`);
  }
});

test('a worker that dies keeps nobody waiting', async () => {
  const limits = new Limits();
  const dying = new StandInWorker(limits);
  const first = dying.shares.open(spec(10));
  for (let i = 0; i < 5; i++) assert.ok(await first.take('k', 1));
  const other = new StandInWorker(limits);
  const second = other.shares.open(spec(10));
  dying.shares.take = () => {};
  const asking = (async () => {
    let passed = 0;
    for (let i = 0; i < 10; i++) if (await second.take('k', 1)) passed++;
    return passed;
  })();
  await sleep(20);
  limits.remove(dying);
  assert.ok((await asking) <= 5);
});

test('many keys cost memory only as long as they count', async () => {
  const limits = new Limits();
  const { shares } = new StandInWorker(limits);
  const limit = shares.open(spec(1, 3000));
  const keys = Array.from({ length: 100_000 }, (_, i) => `key ${i}`);
  const all = await Promise.all(keys.map(async (key) => limit.take(key, 1)));
  assert.ok(all.every(Boolean));
  assert.ok(limits.size > 0 && limits.size <= 100_000, `${limits.size} keys`);
  const deadline = performance.now() + 120_000;
  while (limits.size > 0 && performance.now() < deadline) await sleep(50);
  assert.equal(limits.size, 0);
});

test('a worker that does not respond is not waited for', async () => {
  const limits = new Limits();
  const [hung, other] = [new StandInWorker(limits), new StandInWorker(limits)];
  const opened = [hung, other].map(({ shares }) => shares.open(spec(10)));
  assert.equal(await opened[0]?.take('k', 1), true);
  hung.shares.take = () => {};
  const takeAll = async (): Promise<boolean[]> =>
    Promise.all(Array.from({ length: 10 }, async () => opened[1]?.take('k', 1) === true));
  await takeAll();
  const last = opened[1]?.take('k', 10);
  await sleep(20);
  limits.setAbsent(hung, true);
  assert.equal(await last, false, 'the one that waits is answered');
  assert.equal(await opened[1]?.take('k', 10), false, 'and so is every later one');
});

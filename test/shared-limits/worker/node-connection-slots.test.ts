import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ConnectionPermits,
  type PermitUser,
} from '../../../src/shared-limits/worker/node-connection-slots.ts';

/** Somebody who opens connections, each for one request. */
class User implements PermitUser {
  lacking = 0;
  idle = 0;
  readonly #permits: ConnectionPermits;

  constructor(permits: ConnectionPermits) {
    this.#permits = permits;
  }

  ask(): void {
    this.lacking++;
    this.#permits.want(this);
  }

  onPermits(): void {
    while (this.lacking > 0 && this.#permits.take()) this.lacking--;
  }

  closeIdle(): boolean {
    if (this.idle === 0) return false;
    this.idle--;
    this.#permits.release();
    return true;
  }

  /** A request is over: its connection stays, or closes where its permit is owed. */
  finish(): void {
    if (this.#permits.owes) this.#permits.release();
    else this.idle++;
  }
}

/** One worker alone with `limit` permits, as the primary lends them. */
function worker(limit: number) {
  let free = limit;
  const permits: ConnectionPermits = new ConnectionPermits(10_000, {
    request(count) {
      const granted = Math.min(free, count);
      free -= granted;
      queueMicrotask(() => permits.grant(granted));
    },
    give(count) {
      free += count;
    },
  });
  return { permits, first: new User(permits), second: new User(permits) };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!condition()) {
    assert.ok(performance.now() < deadline, 'waited in vain');
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('a connection that comes free with one user is closed for another of the same worker', async () => {
  const { first, second } = worker(1);
  second.ask();
  await until(() => second.lacking === 0);
  first.ask();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(first.lacking, 1, 'there is one permit only');
  second.finish();
  await until(() => first.lacking === 0);
  assert.equal(second.idle, 0);
});

test('a connection that was left idle before the refusal came is closed as well', async () => {
  const { first, second } = worker(1);
  second.ask();
  await until(() => second.lacking === 0);
  first.ask();
  // Before the answer.
  second.idle++;
  await until(() => first.lacking === 0);
  assert.equal(second.idle, 0);
});

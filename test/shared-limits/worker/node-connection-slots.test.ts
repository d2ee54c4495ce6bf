import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseSource } from '../../../src/shared-limits/messages.ts';
import {
  NodeConnectionSlots,
  type SlotUser,
} from '../../../src/shared-limits/worker/node-connection-slots.ts';
import { eventually } from '../../support/eventually.ts';

/** Somebody who opens connections, each for one request. */
class User implements SlotUser {
  lacking = 0;
  idle = 0;
  readonly #slots: NodeConnectionSlots;

  constructor(slots: NodeConnectionSlots) {
    this.#slots = slots;
  }

  ask(): void {
    this.lacking++;
    this.#slots.want(this);
  }

  onSlots(): void {
    while (this.lacking > 0 && this.#slots.take()) this.lacking--;
  }

  closeIdle(): boolean {
    if (this.idle === 0) return false;
    this.idle--;
    this.#slots.release();
    return true;
  }

  /** A request is over: its connection stays, or closes where its slot is owed. */
  finish(): void {
    if (this.#slots.owes) this.#slots.release();
    else this.idle++;
  }
}

/** One worker alone with `limit` slots, as the primary lends them. */
function worker(limit: number) {
  let free = limit;
  const source: LeaseSource = {
    request({ key, amount: wanted }, user) {
      const amount = Math.min(free, wanted);
      free -= amount;
      queueMicrotask(() => user.granted({ type: 'lease-grant', kind: 'slots', key, amount }));
    },
    return({ amount }) {
      free += amount;
    },
    forget: () => {},
  };
  const slots = new NodeConnectionSlots(source, 'n', 10_000);
  return { slots, first: new User(slots), second: new User(slots) };
}

test('a connection that comes free with one user is closed for another of the same worker', async () => {
  const { first, second } = worker(1);
  second.ask();
  await eventually('the connection of the second', () => second.lacking === 0);
  first.ask();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(first.lacking, 1, 'there is one slot only');
  second.finish();
  await eventually('the connection of the first', () => first.lacking === 0);
  assert.equal(second.idle, 0);
});

test('a connection that was left idle before the refusal came is closed as well', async () => {
  const { first, second } = worker(1);
  second.ask();
  await eventually('the connection of the second', () => second.lacking === 0);
  first.ask();
  // Before the answer.
  second.idle++;
  await eventually('the connection of the first', () => first.lacking === 0);
  assert.equal(second.idle, 0);
});

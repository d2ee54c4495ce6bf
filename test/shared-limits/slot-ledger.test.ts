import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { leaseKey } from '../../src/shared-limits/lease-key.ts';
import type { LeaseToHolder } from '../../src/shared-limits/messages.ts';
import type { LeaseHolder } from '../../src/shared-limits/primary/ledger.ts';
import { LocalLeaseKeeper } from '../../src/shared-limits/primary/lease-keeper.ts';
import { entry, start } from '../support/primary-gateway.ts';
import { eventually } from '../support/eventually.ts';

const [kind, key] = ['slots', leaseKey('entry', 'a')] as const;

/** A worker that keeps books; it answers recalls with what it does not use. */
class Holder implements LeaseHolder {
  readonly generation = { number: 1 };
  held = 0;
  used = 0;
  readonly grants: number[] = [];
  recalls = 0;
  #keeper: LocalLeaseKeeper;
  #answers: boolean;

  constructor(keeper: LocalLeaseKeeper, answers = true) {
    this.#keeper = keeper;
    this.#answers = answers;
    keeper.add(this);
  }

  want(amount: number): void {
    this.#keeper.request(this, { type: 'lease-request', kind, key, amount });
  }

  send(message: LeaseToHolder): void {
    if (message.type === 'lease-grant') {
      this.held += message.amount;
      this.grants.push(message.amount);
      return;
    }
    this.recalls++;
    if (this.#answers) queueMicrotask(() => this.answer());
  }

  answer(): void {
    const spare = this.held - this.used;
    this.held = this.used;
    this.return(spare);
  }

  return(amount: number): void {
    this.#keeper.return(this, { type: 'lease-return', kind, key, amount });
  }
}

function limited(limit: number): LocalLeaseKeeper {
  const keeper = new LocalLeaseKeeper();
  keeper.setLimits([{ scope: key, max: limit }]);
  return keeper;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

suite('slots', () => {
  test('are not waited for when the worker that has them does not respond', () => {
    const keeper = limited(2);
    const hung = new Holder(keeper, false);
    const other = new Holder(keeper);
    hung.want(2);
    hung.want(1);
    other.want(1);
    assert.deepEqual(other.grants, [], 'the other one is asked first');
    keeper.setAbsent(hung, true);
    assert.deepEqual(other.grants, [0]);
    other.want(1);
    assert.deepEqual([other.grants, hung.recalls], [[0, 0], 1], 'it is not asked again');
    keeper.setAbsent(hung, false);
    other.want(1);
    assert.equal(hung.recalls, 2);
  });

  test('are refused to a request that came during a recall when nobody is left to ask', () => {
    const keeper = limited(2);
    const hung = new Holder(keeper, false);
    const others = [new Holder(keeper), new Holder(keeper)];
    hung.want(2);
    hung.want(1);
    for (const other of others) other.want(1);
    keeper.setAbsent(hung, true);
    assert.deepEqual(
      others.map(({ grants }) => grants),
      [[0], [0]],
    );
  });

  test('are recalled again from who was granted some during a recall', async () => {
    const keeper = limited(4);
    const idle = new Holder(keeper, false);
    for (let i = 0; i < 4; i++) idle.want(1);
    const [greedy, last] = [new Holder(keeper), new Holder(keeper)];
    greedy.want(4);
    last.want(1);
    idle.used = 3;
    idle.answer();
    await settled();
    assert.deepEqual([greedy.grants, greedy.recalls, last.grants], [[1], 1, [1]]);
  });

  test('that were used without asking count against the limit', () => {
    const keeper = limited(3);
    const [one, other] = [new Holder(keeper), new Holder(keeper)];
    keeper.settle(one, { type: 'lease-settle', key, amount: 3 });
    other.want(1);
    assert.deepEqual(other.grants, []);
    assert.equal(one.recalls, 1);
    one.return(1);
    assert.deepEqual(other.grants, [1]);
  });

  test('never exceed the limit, and every request is answered', () => {
    const keeper = limited(3);
    const holder = new Holder(keeper);
    for (let i = 0; i < 5; i++) holder.want(1);
    assert.deepEqual(holder.grants, [1, 1, 1, 0, 0]);
    assert.equal(holder.held, 3);
  });

  test('are recalled from who does not use them', async () => {
    const keeper = limited(4);
    const idle = new Holder(keeper);
    for (let i = 0; i < 4; i++) idle.want(1);
    idle.used = 1;
    const busy = new Holder(keeper);
    busy.want(2);
    await settled();
    assert.equal(idle.held, 1);
    assert.ok(busy.held > 0);
    assert.ok(!busy.grants.includes(0));
  });

  test('are refused only after everybody else has answered', async () => {
    const keeper = limited(2);
    const slow = new Holder(keeper, false);
    slow.want(1);
    slow.want(1);
    slow.used = 2;
    const other = new Holder(keeper);
    other.want(1);
    await settled();
    assert.deepEqual(other.grants, []);
    slow.answer();
    assert.deepEqual(other.grants, [0]);
  });

  test('of a dead worker return, also while it is asked', () => {
    const keeper = limited(1);
    const dying = new Holder(keeper, false);
    dying.want(1);
    dying.used = 1;
    const other = new Holder(keeper);
    other.want(1);
    assert.equal(dying.recalls, 1);
    keeper.remove(dying);
    assert.deepEqual(other.grants, [1]);
  });

  test('follow a limit that is lowered, as connections close', async () => {
    const keeper = limited(4);
    const holder = new Holder(keeper);
    for (let i = 0; i < 4; i++) holder.want(1);
    holder.used = 4;
    keeper.setLimits([{ scope: key, max: 2 }]);
    const other = new Holder(keeper);
    other.want(1);
    await settled();
    assert.deepEqual(other.grants, [0]);
    holder.used = 1;
    holder.answer();
    other.want(1);
    await settled();
    assert.deepEqual(other.grants, [0, 1]);
    assert.equal(holder.held + other.held, 2);
  });
});

for (const reuse_port of [true, false]) {
  test(`max_concurrency is exact over four workers (reuse_port ${reuse_port})`, async (t) => {
    const limit = 10;
    const limits = { max_concurrency: limit };
    const gateway = await start(t, { entry: [entry('a', { reuse_port }, limits)] }, { workers: 4 });
    const port = await gateway.port('a');
    const open: Socket[] = [];
    t.after(() => open.forEach((socket) => socket.destroy()));
    const statuses = await Promise.all(
      Array.from({ length: limit + 15 }, async () => {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {});
        open.push(socket);
        socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        const [chunk] = (await once(socket, 'data')) as [Buffer];
        return chunk.toString('latin1', 9, 12);
      }),
    );
    assert.equal(statuses.filter((status) => status === '200').length, limit);
    assert.equal(statuses.filter((status) => status === '503').length, 15);
    const { entries } = await gateway.status();
    assert.equal(entries[0]?.refused, 15);
    assert.equal(entries[0]?.connections, limit);
    // Room that comes free is given out again, whichever worker had it.
    for (const socket of open.splice(0)) socket.destroy();
    await eventually('room', async () => (await gateway.status()).entries[0]?.connections === 0);
    const again = connect(port, '127.0.0.1');
    open.push(again);
    again.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [chunk] = (await once(again, 'data')) as [Buffer];
    assert.equal(chunk.toString('latin1', 9, 12), '200');
  });
}

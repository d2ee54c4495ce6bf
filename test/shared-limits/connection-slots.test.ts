import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { suite, test } from 'node:test';
import { type PermitHolder, Permits } from '../../src/shared-limits/primary/connection-slots.ts';
import { entry, start } from '../support/primary-gateway.ts';
import { eventually } from '../support/eventually.ts';

/** A worker that keeps books; it answers recalls with what it does not use. */
class Holder implements PermitHolder {
  readonly pid = 0;
  held = 0;
  used = 0;
  readonly grants: number[] = [];
  recalls = 0;
  #permits: Permits;
  #answers: boolean;

  constructor(permits: Permits, answers = true) {
    this.#permits = permits;
    this.#answers = answers;
    permits.add(this);
  }

  want(count: number): void {
    this.#permits.wanted(this, 'a', count);
  }

  grantPermits(_entry: string, count: number): void {
    this.held += count;
    this.grants.push(count);
  }

  recallPermits(): void {
    this.recalls++;
    if (this.#answers) queueMicrotask(() => this.answer());
  }

  answer(): void {
    const spare = this.held - this.used;
    this.held = this.used;
    this.#permits.returned(this, 'a', spare);
  }
}

function limited(limit: number): Permits {
  const permits = new Permits();
  permits.setLimits([{ name: 'a', max_concurrency: limit }]);
  return permits;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

suite('permits', () => {
  test('are not waited for when the worker that has them does not respond', () => {
    const permits = limited(2);
    const hung = new Holder(permits, false);
    const other = new Holder(permits);
    hung.want(2);
    hung.want(1);
    other.want(1);
    assert.deepEqual(other.grants, [], 'the other one is asked first');
    permits.setAbsent(hung, true);
    assert.deepEqual(other.grants, [0]);
    other.want(1);
    assert.deepEqual([other.grants, hung.recalls], [[0, 0], 1], 'it is not asked again');
    permits.setAbsent(hung, false);
    other.want(1);
    assert.equal(hung.recalls, 2);
  });

  test('that were used without asking count against the limit', () => {
    const permits = limited(3);
    const [one, other] = [new Holder(permits), new Holder(permits)];
    permits.taken(one, 'a', 3);
    other.want(1);
    assert.deepEqual(other.grants, []);
    assert.equal(one.recalls, 1);
    permits.returned(one, 'a', 1);
    assert.deepEqual(other.grants, [1]);
  });

  test('never exceed the limit, and every wish is answered', () => {
    const permits = limited(3);
    const holder = new Holder(permits);
    for (let i = 0; i < 5; i++) holder.want(1);
    assert.deepEqual(holder.grants, [1, 1, 1, 0, 0]);
    assert.equal(permits.lent('a'), 3);
  });

  test('are recalled from who does not use them', async () => {
    const permits = limited(4);
    const idle = new Holder(permits);
    for (let i = 0; i < 4; i++) idle.want(1);
    idle.used = 1;
    const busy = new Holder(permits);
    busy.want(2);
    await settled();
    assert.equal(idle.held, 1);
    assert.ok(busy.held > 0);
    assert.ok(!busy.grants.includes(0));
  });

  test('are refused only after everybody else has answered', async () => {
    const permits = limited(2);
    const slow = new Holder(permits, false);
    slow.want(1);
    slow.want(1);
    slow.used = 2;
    const other = new Holder(permits);
    other.want(1);
    await settled();
    assert.deepEqual(other.grants, []);
    slow.answer();
    assert.deepEqual(other.grants, [0]);
  });

  test('of a dead worker return, also while it is asked', () => {
    const permits = limited(1);
    const dying = new Holder(permits, false);
    dying.want(1);
    dying.used = 1;
    const other = new Holder(permits);
    other.want(1);
    assert.equal(dying.recalls, 1);
    permits.remove(dying);
    assert.deepEqual(other.grants, [1]);
  });

  test('follow a limit that is lowered, as connections close', async () => {
    const permits = limited(4);
    const holder = new Holder(permits);
    for (let i = 0; i < 4; i++) holder.want(1);
    holder.used = 4;
    permits.setLimits([{ name: 'a', max_concurrency: 2 }]);
    const other = new Holder(permits);
    other.want(1);
    await settled();
    assert.deepEqual(other.grants, [0]);
    holder.used = 1;
    holder.answer();
    other.want(1);
    await settled();
    assert.deepEqual(other.grants, [0, 1]);
    assert.equal(permits.lent('a'), 2);
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

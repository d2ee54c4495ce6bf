import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from '../../src/runtime/deadline-timers.ts';
import { Connection } from '../../src/entry/connection/connection.ts';
import { Drain } from '../../src/entry/connection/drain.ts';

/** A connection whose client last asked just now. */
class Kept extends Connection {
  endedAfter = Number.NaN;

  constructor(pause: number) {
    super(duplexPair()[0], false);
    this.pause = pause;
    this.lastActivity = performance.now();
  }

  override close(): void {
    this.closing = true;
    this.endedAfter = performance.now() - this.lastActivity;
  }
}

suite('quiet clients of a draining worker', () => {
  test('one that is due is waited for until it is late by a half; others are not', async () => {
    const regular = new Kept(400);
    const others = [new Kept(0), new Kept(100), new Kept(2000)];
    const connections = new Set<Connection>([regular, ...others]);
    const drain = new Drain(connections, { idle: 300, timeout: null }, () => 0, {
      cause: 'stopping',
    });
    while ([...connections].some(({ closing }) => !closing)) {
      await sleep(10);
    }
    assert.ok(regular.endedAfter >= 600, `${regular.endedAfter}`);
    for (const { endedAfter } of others) assert.ok(endedAfter >= 300, `${endedAfter}`);
    for (const connection of connections) {
      connections.delete(connection);
      drain.gone(connection);
    }
    drain.closedToNew();
    assert.deepEqual(await drain.done, { answered: 0, quiet: 4, forced: 0 });
  });

  test('many are ended, however few at a time', async () => {
    const connections = new Set(Array.from({ length: 500 }, () => new Kept(0)));
    const drain = new Drain(connections, { idle: 50, timeout: null }, () => 0, {
      cause: 'stopping',
    });
    while ([...connections].some(({ closing }) => !closing)) {
      await sleep(10);
    }
    connections.clear();
    drain.closedToNew();
    await drain.done;
  });

  test('a pause is known by the requests around it, and forgotten in time', () => {
    const connection = new Connection(duplexPair()[0], false);
    const ask = (): void => {
      connection.start({ start: () => {}, receiving: false, clientGone: () => {} });
      connection.finished(performance.now());
    };
    clock.now += 5000;
    ask();
    assert.equal(connection.pause, 0, 'before the first request there is none');
    clock.now += 300;
    ask();
    assert.equal(connection.pause, 300);
    clock.now += 200;
    ask();
    assert.ok(Math.abs(connection.pause - 285) < 1);
    for (let i = 0; i < 20; i++) ask();
    assert.ok(connection.pause < 110);
  });
});

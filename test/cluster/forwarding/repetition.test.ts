/** How often, and where, a request is sent again when nodes are slow, odd or away. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import {
  answering,
  ask,
  contextOf,
  ok,
  open,
  optionsWith,
  refusing,
} from '../../support/forwarding.ts';
import { rawBackend } from '../../support/raw-backend.ts';
import { type RawConnection } from '../../support/raw-connection.ts';

/** A node that does `play` for each request, and counts them. */
async function counting(t: TestContext, play: (peer: RawConnection) => void) {
  const node = { origin: '', requests: 0 };
  const backend = await rawBackend(t, async (peer) => {
    for (;;) {
      await peer.head();
      node.requests++;
      play(peer);
    }
  });
  node.origin = backend.origin;
  return node;
}

const silent = (): void => {};
const search = () => contextOf('GET', '/i/_search');
const patient = optionsWith({ maxTimes: 5, delay: 20 }, { headTimeout: 200 });

suite('a request is sent again', { timeout: 60_000 }, () => {
  test('never to the node where it has timed out', async (t) => {
    const node = await counting(t, silent);
    const cluster = open(t, [node.origin]);
    await assert.rejects(ask(cluster, search(), patient), { code: 'UPSTREAM_TIMEOUT' });
    assert.equal(node.requests, 1);
  });

  test('to one other node after a timeout', async (t) => {
    const nodes = [await counting(t, silent), await counting(t, silent), await counting(t, silent)];
    const cluster = open(
      t,
      nodes.map(({ origin }) => origin),
    );
    await assert.rejects(ask(cluster, search(), patient), { code: 'UPSTREAM_TIMEOUT' });
    const counts = nodes.map(({ requests }) => requests);
    assert.deepEqual(
      counts.toSorted((a, b) => a - b),
      [0, 1, 1],
    );

    const slow = await counting(t, silent);
    const quick = await answering(t, 'quick');
    const other = open(t, [slow.origin, quick.origin], { ejectFailing: false });
    assert.equal(await ask(other, search(), patient), 'quick');
  });

  test('to no node twice when the other one refuses', async (t) => {
    const node = await counting(t, silent);
    const cluster = open(t, [node.origin, await refusing()], { ejectFailing: false });
    for (let i = 0; i < 4; i++) {
      await assert.rejects(ask(cluster, search(), patient));
    }
    assert.equal(node.requests, 4);
  });

  for (const [what, answer] of [
    ['a head that is too large', `${ok}X: ${'x'.repeat(70_000)}\r\n\r\n`],
    ['a malformed head', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n'],
  ] as const) {
    test(`not to the node that has answered with ${what}`, async (t) => {
      const node = await counting(t, (peer) => peer.socket.write(answer));
      const cluster = open(t, [node.origin], { ejectFailing: false });
      await assert.rejects(ask(cluster, search(), patient), { code: 'UPSTREAM_BROKEN' });
      assert.equal(node.requests, 1);

      const good = await answering(t, 'good');
      const both = open(t, [node.origin, good.origin], { ejectFailing: false });
      assert.equal(await ask(both, search(), patient), 'good');
    });
  }

  test('to the same node after a reset, as often as told', async (t) => {
    const node = await counting(t, (peer) => peer.reset());
    const cluster = open(t, [node.origin]);
    const options = optionsWith({ maxTimes: 3, delay: 10 });
    await assert.rejects(ask(cluster, search(), options), { code: 'UPSTREAM_BROKEN' });
    assert.equal(node.requests, 4);
  });

  test('only within a bounded time', async (t) => {
    const node = await counting(t, (peer) => peer.reset());
    const cluster = open(t, [node.origin]);
    // After 40 seconds is too late, whatever else is allowed.
    const options = optionsWith({ maxTimes: 5, delay: 40_000 });
    await assert.rejects(ask(cluster, search(), options), { code: 'UPSTREAM_BROKEN' });
    assert.equal(node.requests, 1);
  });
});

/** Requests that wait for a connection, which both transports keep in the same way. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Http1Transport } from '../../../src/cluster/transport/http1/transport.ts';
import { Http2Transport } from '../../../src/cluster/transport/http2/transport.ts';
import { NodeConnectionSlots } from '../../../src/shared-limits/worker/node-connection-slots.ts';
import { connections, exchange, plainGet } from '../../support/raw-backend.ts';

const noSlots = { request: () => {}, return: () => {}, forget: () => {} };
/** Nothing listens there; nobody may connect to it. */
const origin = 'http://127.0.0.1:9';

for (const [name, Transport] of [
  ['http1', Http1Transport],
  ['http2', Http2Transport],
] as const) {
  suite(`${name}: a request that waits for a slot`, () => {
    const open = (patienceMs: number) =>
      new Transport(
        origin,
        { ...connections, allowH2: name === 'http2' },
        new NodeConnectionSlots(noSlots, 'node', patienceMs),
      );

    test('keeps a transport that closes open only until it is given up', async () => {
      const transport = open(60_000);
      const waiting = transport.send(plainGet, {
        onInformation() {},
        onHead() {},
        onUpgrade() {},
        onError() {},
      });
      const closed = transport.close().then(() => 'closed');
      assert.equal(await Promise.race([closed, sleep(20, 'open')]), 'open');
      waiting.abort();
      assert.equal(await Promise.race([closed, sleep(5_000, 'open', { ref: false })]), 'closed');
    });

    test('is turned away when it has waited long enough', async () => {
      const transport = open(1);
      const { error, phase } = await exchange(transport, plainGet);
      assert.equal((error as { code?: string } | null)?.code, 'UPSTREAM_LIMITED');
      assert.equal(phase, 'connect');
      await transport.close();
    });
  });
}

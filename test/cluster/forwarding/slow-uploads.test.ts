/** Uploads whose clients send next to nothing, at nodes that may have few connections. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultConnections } from '../../../src/cluster/cluster.ts';
import type { Cluster } from '../../../src/cluster/cluster.ts';
import { GatewayError } from '../../../src/errors.ts';
import { ask, contextOf, ok, open } from '../../support/forwarding.ts';
import { http2Node } from '../../support/http2-node.ts';
import { PushedBody, rawBackend } from '../../support/raw-backend.ts';
import { eventually } from '../../support/eventually.ts';

const slowClients = 20;

/** A node that answers with the length of each body. */
async function counting(t: TestContext, http2: boolean, connections: number): Promise<Cluster> {
  if (http2) {
    const node = await http2Node(
      t,
      (stream) => {
        let count = 0;
        stream.on('data', (chunk: Buffer) => (count += chunk.length));
        stream.on('end', () => {
          stream.respond({ ':status': 200 });
          stream.end(`${count}`);
        });
      },
      { maxConcurrentStreams: connections },
    );
    const settings = { ...defaultConnections, maxConnections: 1, allowH2: true };
    return open(t, [node.origin], { connections: settings });
  }
  const node = await rawBackend(t, async (peer) => {
    for (;;) {
      const length = Number(/content-length: (\d+)/i.exec(await peer.head())?.[1] ?? 0);
      await peer.until(({ received }) => received.length >= length);
      peer.received = '';
      peer.socket.write(`${ok}Content-Length: ${`${length}`.length}\r\n\r\n${length}`);
    }
  });
  const settings = { ...defaultConnections, maxConnections: connections };
  return open(t, [node.origin], { connections: settings });
}

/** A body of which its client has sent one byte. */
function slow(length: number): PushedBody {
  return new PushedBody(length, (sink) => sink.write(Buffer.from('x')));
}

for (const [http2, connections] of [
  [false, 1],
  [false, 4],
  [true, 4],
] as const) {
  const title = `${http2 ? 'HTTP/2' : 'HTTP/1.1'}, ${connections} at one time`;
  suite(`slow uploads, ${title}`, { timeout: 60_000 }, () => {
    test('leave connections to others, and are served when they have come', async (t) => {
      const cluster = await counting(t, http2, connections);
      await ask(cluster);
      const bodies = Array.from({ length: slowClients }, () => slow(100));
      const uploads = bodies.map((body) => ask(cluster, contextOf('POST', '/', [], body)));
      await eventually('every body to be read', () => bodies.every(({ sink }) => sink !== null));
      const others = Array.from({ length: 10 }, () => ask(cluster));
      assert.deepEqual(new Set(await Promise.all(others)), new Set(['0']));
      for (const { sink } of bodies) {
        sink?.write(Buffer.alloc(99));
        sink?.end();
      }
      assert.deepEqual(new Set(await Promise.all(uploads)), new Set(['100']));
    });

    test('that are large go on as they come', async (t) => {
      const cluster = await counting(t, http2, connections);
      let pushed = 0;
      const body = new PushedBody(1_000_000, () => push());
      const push = (): void => {
        while (pushed < 1_000_000) {
          pushed += 10_000;
          if (body.sink?.write(Buffer.alloc(10_000)) !== true) break;
        }
        if (pushed === 1_000_000) body.sink?.end();
      };
      body.resume = () => setImmediate(push);
      assert.equal(await ask(cluster, contextOf('PUT', '/', [], body)), '1000000');
    });

    test('whose clients leave or fail are given up', async (t) => {
      const cluster = await counting(t, http2, connections);
      await ask(cluster);
      const bodies = Array.from({ length: slowClients }, () => slow(100));
      const contexts = bodies.map((body) => contextOf('POST', '/', [], body));
      const uploads = contexts.map((context) =>
        ask(cluster, context).catch((error: unknown) => error),
      );
      await sleep(20);
      contexts.forEach((context, i) => {
        if (i % 2 === 0) context.abort();
        else bodies[i]?.sink?.fail(new GatewayError('REQUEST_TIMEOUT'));
      });
      const codes = (await Promise.all(uploads)).map((error) => (error as GatewayError).code);
      assert.deepEqual(new Set(codes), new Set(['CLIENT_GONE', 'REQUEST_TIMEOUT']));
      assert.equal(await ask(cluster), '0');
    });
  });
}

/**
 * When a request is repeated: a node fails at each instant of an exchange, another one stands by. A
 * read goes on there as long as no response has begun, a write only if the first node cannot have had
 * a byte of it.
 */
import assert from 'node:assert/strict';
import { createSecureServer, constants, type ServerHttp2Stream } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { before, suite, test, type TestContext } from 'node:test';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Body } from '../../../src/http/body/body.ts';
import type { GatewayError } from '../../../src/errors.ts';
import { defaultConnections } from '../../../src/cluster/cluster.ts';
import type { NodeCluster } from '../../../src/cluster/node-cluster.ts';
import { nodeCertificate } from '../../support/certificates.ts';
import { ask, contextOf, ok, open, optionsWith, streamed } from '../../support/forwarding.ts';
import { PushedBody, rawBackend } from '../../support/raw-backend.ts';
import { type RawConnection } from '../../support/raw-connection.ts';

const { NGHTTP2_REFUSED_STREAM, NGHTTP2_NO_ERROR } = constants;

interface Instant {
  readonly name: string;
  /** What the failing node does on its first connection. */
  readonly fail: (peer: RawConnection) => unknown;
  readonly body?: () => Body;
  /** A request that succeeds first, so that its connection is used again. */
  readonly warm?: boolean;
  readonly expects?: boolean;
  readonly timeout?: number;
  /** Whether reads are repeated; writes never are here. */
  readonly read: boolean;
  /** How it ends when it is not repeated. */
  readonly code: string;
  /** The failure comes within the response's body. */
  readonly status?: number;
}

/** Waits for the whole of a request. */
async function whole(peer: RawConnection): Promise<void> {
  const length = Number(/content-length: (\d+)/i.exec(await peer.head())?.[1] ?? 0);
  await peer.until(({ received }) => received.length >= length);
}

const instants: Instant[] = [
  {
    name: 'it resets at the first bytes',
    fail: (peer) => peer.reset(),
    read: true,
    code: 'UPSTREAM_BROKEN',
  },
  {
    name: 'it resets when it has the head and the body is still coming',
    fail: async (peer) => {
      await peer.head();
      peer.reset();
    },
    body: () => streamed(30_000),
    read: true,
    code: 'UPSTREAM_BROKEN',
  },
  {
    name: 'it resets before it has asked for an announced body',
    fail: async (peer) => {
      await peer.head();
      peer.reset();
    },
    body: () => streamed(1000),
    expects: true,
    read: true,
    code: 'UPSTREAM_BROKEN',
  },
  {
    name: 'it resets when it has everything',
    fail: async (peer) => {
      await whole(peer);
      peer.reset();
    },
    read: true,
    code: 'UPSTREAM_BROKEN',
  },
  {
    name: 'it closes in the middle of the response head',
    fail: async (peer) => {
      await whole(peer);
      peer.socket.end('HTTP/1.1 200 OK\r\nContent-');
    },
    read: true,
    code: 'UPSTREAM_BROKEN',
  },
  {
    name: 'it says 102 and then resets',
    fail: async (peer) => {
      await whole(peer);
      peer.socket.write('HTTP/1.1 102 Processing\r\n\r\n');
      setTimeout(() => peer.reset(), 20);
    },
    read: true,
    code: 'UPSTREAM_BROKEN',
  },
  {
    name: 'it answers with something that is not HTTP',
    fail: async (peer) => {
      await whole(peer);
      peer.socket.write('220 mail.example ESMTP\r\n');
    },
    read: true,
    code: 'UPSTREAM_BROKEN',
  },
  {
    name: 'it says nothing for too long',
    fail: whole,
    timeout: 300,
    read: true,
    code: 'UPSTREAM_TIMEOUT',
  },
  {
    name: 'it closes a kept connection just as that is used again',
    fail: async (peer) => {
      await whole(peer);
      peer.reset();
    },
    warm: true,
    read: true,
    code: 'UPSTREAM_BROKEN',
  },
  {
    name: 'it breaks off behind the response head',
    fail: async (peer) => {
      await whole(peer);
      peer.socket.write(`${ok}Content-Length: 100\r\n\r\nhalf`);
      setTimeout(() => peer.reset(), 20);
    },
    read: false,
    status: 200,
    code: 'UPSTREAM_BROKEN',
  },
  {
    name: 'it answers 503',
    fail: async (peer) => {
      await whole(peer);
      peer.socket.write('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n');
    },
    read: true,
    status: 503,
    code: '',
  },
];

for (const secure of [false, true]) {
  suite(`a node fails, ${secure ? 'TLS' : 'plain'}`, { timeout: 100_000 }, () => {
    let context: SecureContext | null = null;
    before(() => {
      if (secure) context = createSecureContext(nodeCertificate());
    });

    for (const instant of instants) {
      for (const write of [false, true]) {
        const repeats = instant.read && !write;
        const what = `a ${write ? 'write' : 'read'} is ${repeats ? '' : 'not '}repeated`;
        test(`${instant.name}: ${what}`, async (t) => {
          let reached = 0;
          const bad = await rawBackend(
            t,
            async (peer, index) => {
              if (instant.warm && index === 0) {
                await whole(peer);
                peer.received = '';
                peer.socket.write(`${ok}Content-Length: 0\r\n\r\n`);
              }
              // Who may have had this port before does not count.
              await peer.until(({ received }) => received.length >= 4);
              if (!peer.received.startsWith('POST')) return;
              reached++;
              await instant.fail(peer);
            },
            context,
          );
          let repeated = 0;
          const good = await rawBackend(
            t,
            async (peer) => {
              for (;;) {
                await whole(peer);
                peer.received = '';
                repeated++;
                peer.socket.write(`${ok}Content-Length: 2\r\n\r\nok`);
              }
            },
            context,
          );
          // The failing node is first in line.
          const cluster = open(t, [bad.origin, good.origin], { ejectFailing: false });
          if (instant.warm) {
            await ask(cluster);
            // Its turn comes again after the other's.
            await ask(cluster);
            repeated = 0;
          }
          const target = write ? '/i/_bulk' : '/i/_search';
          const body = instant.body?.() ?? Buffer.from('{}');
          const request = contextOf('POST', target, [], body);
          request.request.expectsContinue = instant.expects === true;
          const options = optionsWith({}, { headTimeout: instant.timeout ?? 10_000 });
          const outcome = await ask(cluster, request, options).catch(
            (error: GatewayError) => error,
          );
          assert.equal(reached, 1);
          assert.equal(repeated, repeats ? 1 : 0);
          if (repeats) assert.equal(outcome, 'ok');
          else if (instant.code !== '') assert.equal((outcome as GatewayError).code, instant.code);
          if (!repeats && instant.status) {
            assert.equal(request.response.status, instant.status);
          }
        });
      }
    }
  });
}

suite('a node that speaks HTTP/2 fails', { timeout: 100_000 }, () => {
  /** A node that counts the requests that it has processed, by their target. */
  async function node(
    t: TestContext,
    play: (stream: ServerHttp2Stream, number: number) => boolean,
  ) {
    const processed = new Map<string, number>();
    let streams = 0;
    const server = createSecureServer(nodeCertificate());
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      stream.on('error', () => {});
      if (!play(stream, streams++)) return;
      stream.resume();
      stream.on('end', () => {
        const target = headers[':path'] ?? '';
        processed.set(target, (processed.get(target) ?? 0) + 1);
        stream.respond({ ':status': 200 });
        stream.end('ok');
      });
    });
    server.on('sessionError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const cluster = open(t, [origin], { connections: { ...defaultConnections, allowH2: true } });
    return { cluster, processed };
  }

  test('a stream that it refuses is sent once more, a write too: it was not processed', async (t) => {
    const { cluster, processed } = await node(t, (stream, number) => {
      if (number === 0) stream.close(NGHTTP2_REFUSED_STREAM);
      return number > 0;
    });
    const write = contextOf('POST', '/i/_bulk', [], Buffer.from('{}'));
    assert.equal(await ask(cluster, write, optionsWith({ maxTimes: 0 })), 'ok');
    assert.deepEqual([...processed], [['/i/_bulk', 1]]);
  });

  test('a stream that it resets otherwise is not: a write may have been processed', async (t) => {
    let streams = 0;
    const { cluster, processed } = await node(t, (stream) => {
      streams++;
      stream.resume();
      stream.on('end', () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
      return false;
    });
    const write = contextOf('POST', '/i/_bulk', [], Buffer.from('{}'));
    await assert.rejects(ask(cluster, write), { code: 'UPSTREAM_BROKEN' });
    assert.equal(streams, 1);
    assert.equal(processed.size, 0);
  });

  test('connections that it ends one after the other (GOAWAY) double nothing', async (t) => {
    const { cluster, processed } = await node(t, (stream, number) => {
      // What came before is answered, what comes later is not taken.
      if (number % 5 === 4) stream.session?.goaway(NGHTTP2_NO_ERROR, stream.id ?? 0);
      return true;
    });
    let failed = 0;
    const write = async (number: number): Promise<void> => {
      const size = number % 3 === 0 ? 100_000 : 2;
      const body =
        number % 2 === 0
          ? Buffer.alloc(size)
          : new PushedBody(undefined, (sink) => {
              sink.write(Buffer.alloc(size));
              sink.end();
            });
      const request = contextOf('POST', `/i/_bulk?${number}`, [], body);
      await ask(cluster, request).catch(() => failed++);
    };
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 5 }, (_, i) => write(5 * round + i)));
    }
    for (const [target, times] of processed) assert.equal(times, 1, target);
    assert.equal(failed, 0);
    assert.equal(processed.size, 100);
    assert.deepEqual((cluster as NodeCluster).inspect().nodes[0]?.failures, 0);
  });
});

/** A cluster in front of raw-socket nodes: what reaches a node, what comes back, what is repeated. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayError } from '../../src/errors.ts';
import type { RetryPolicy } from '../../src/cluster/cluster.ts';
import {
  answering,
  ask,
  contextOf,
  ok,
  open,
  optionsWith,
  refusing,
  streamed,
} from '../support/forwarding.ts';
import { rawBackend } from '../support/raw-backend.ts';
import { eventually } from '../support/eventually.ts';
import { type RawConnection } from '../support/raw-connection.ts';

suite('fields', () => {
  test('those of one connection pass in neither direction', async (t) => {
    const seen: string[] = [];
    const backend = await rawBackend(t, async (peer) => {
      seen.push(await peer.head());
      peer.socket.write(
        `${ok}Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\n` +
          'Proxy-Authenticate: Basic\r\nX-Keep: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
      );
    });
    const context = contextOf(
      'GET',
      '/a?b',
      (
        'Connection|close, X-Mine, TE|X-Mine|1|TE|trailers|Keep-Alive|5|Proxy-Connection|x|' +
        'Upgrade|h2c|Expect|100-continue|X-Kept|yes'
      ).split('|'),
    );
    assert.equal(await ask(open(t, [backend.origin]), context), 'hi');
    assert.equal(seen[0], 'GET /a?b HTTP/1.1\r\nHost: client.example\r\nX-Kept: yes\r\n\r\n');
    assert.deepEqual(context.response.headers.asArray(), ['X-Keep', '2']);
  });

  test("Host is the client's or the node's, as asked", async (t) => {
    const seen: string[] = [];
    const backend = await answering(t, 'a', seen);
    const cluster = open(t, [backend.origin]);
    await ask(cluster, contextOf('GET', '/'), optionsWith({}, { host: 'client' }));
    await ask(cluster, contextOf('GET', '/'), optionsWith({}, { host: 'node' }));
    assert.match(seen[0] as string, /\r\nHost: client\.example\r\n/);
    assert.ok(seen[1]?.includes(`\r\nHost: ${new URL(backend.origin).host}\r\n`));
  });

  test('basic_auth is given when the client has no Authorization', async (t) => {
    const seen: string[] = [];
    const backend = await answering(t, 'a', seen);
    const basicAuth = { username: 'elastic', password: 'pass' };
    const cluster = open(t, [backend.origin], { basicAuth });
    await ask(cluster);
    await ask(cluster, contextOf('GET', '/', ['authorization', 'Bearer x']));
    assert.match(seen[0] as string, /\r\nAuthorization: Basic ZWxhc3RpYzpwYXNz\r\n/);
    assert.match(seen[1] as string, /\r\nauthorization: Bearer x\r\n/);
    assert.doesNotMatch(seen[1] as string, /Basic/);
  });
});

suite('balancing', () => {
  test('by weight, evenly spread', async (t) => {
    const nodes = await Promise.all(['a', 'b', 'c'].map((name) => answering(t, name)));
    const [a, b] = nodes.map(({ origin }) => new URL(origin).host);
    const weights = { [a as string]: 3, [b as string]: 2 };
    const cluster = open(
      t,
      nodes.map(({ origin }) => origin),
      { weights },
    );
    let order = '';
    for (let i = 0; i < 12; i++) order += await ask(cluster);
    const count = (name: string) => order.split(name).length - 1;
    assert.deepEqual([count('a'), count('b'), count('c')], [6, 4, 2]);
    assert.doesNotMatch(order, /aaa/);
  });

  test('by requests under way', async (t) => {
    const slow = await rawBackend(t, () => {});
    const quick = await answering(t, 'quick');
    const cluster = open(t, [slow.origin, quick.origin], { balancer: 'least_in_flight' });
    const stuck = contextOf('GET', '/');
    let pending = 0;
    // One of the first two meets the slow node and stays there; all others avoid it.
    const first = [stuck, contextOf('GET', '/')].map((context) => {
      pending++;
      const answered = ask(cluster, context).catch(() => '');
      return { context, done: answered.finally(() => pending--) };
    });
    await eventually('one is answered', () => pending === 1);
    for (let i = 0; i < 6; i++) assert.equal(await ask(cluster), 'quick');
    for (const { context } of first) context.abort();
    await Promise.all(first.map(({ done }) => done));
    assert.equal(slow.peers.length, 1);
  });

  test('a view uses only the nodes it is given', async (t) => {
    const a = await answering(t, 'a');
    const b = await answering(t, 'b');
    const view = open(t, [a.origin, b.origin]).view({
      filter: { hosts: { exclude: [new URL(a.origin).host] } },
    });
    for (let i = 0; i < 4; i++) assert.equal(await ask(view), 'b');
  });
});

suite('failures', () => {
  test('a node that refuses is passed over, even for writes, and then left out', async (t) => {
    const dead = await refusing();
    const alive = await answering(t, 'ok');
    const cluster = open(t, [dead, alive.origin]);
    for (let i = 0; i < 10; i++) {
      const options = optionsWith({ maxTimes: 0 });
      assert.equal(
        await ask(cluster, contextOf('POST', '/_bulk', [], Buffer.from('x')), options),
        'ok',
      );
    }
  });

  test('when every node refuses, one is tried anyway', async (t) => {
    const dead = await refusing();
    const cluster = open(t, [dead]);
    for (let i = 0; i < 5; i++) {
      await assert.rejects(ask(cluster, contextOf('GET', '/'), optionsWith({ maxTimes: 0 })), {
        code: 'UPSTREAM_CONNECT',
      });
    }
  });

  test('a node that comes back gets requests again', { timeout: 20_000 }, async (t) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const alive = await answering(t, 'alive');
    const cluster = open(t, [`http://127.0.0.1:${port}`, alive.origin]);
    for (let i = 0; i < 4; i++) assert.equal(await ask(cluster), 'alive');
    server.on('connection', (socket) => {
      t.after(() => socket.destroy());
      socket.on('error', () => {});
      socket.on('data', () => socket.write(`${ok}Content-Length: 4\r\n\r\nback`));
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const deadline = Date.now() + 15_000;
    let answer = '';
    while (answer !== 'back' && Date.now() < deadline) {
      answer = await ask(cluster);
      await sleep(20);
    }
    assert.equal(answer, 'back');
  });

  const cases: {
    name: string;
    method: string;
    target: string;
    repeated: boolean;
    retry?: Partial<RetryPolicy>;
  }[] = [
    { name: 'GET', method: 'GET', target: '/i/_doc/1', repeated: true },
    { name: 'HEAD', method: 'HEAD', target: '/i', repeated: true },
    { name: 'a search by POST', method: 'POST', target: '/i/_search?q=1', repeated: true },
    { name: 'a count by POST', method: 'POST', target: '/_count', repeated: true },
    { name: 'a multi-get by POST', method: 'POST', target: '/_all/_mget', repeated: true },
    { name: 'a page of a scroll', method: 'POST', target: '/_search/scroll', repeated: false },
    {
      name: 'a page of a scroll by GET',
      method: 'GET',
      target: '/_search/scroll',
      repeated: false,
    },
    { name: 'a bulk', method: 'POST', target: '/_bulk', repeated: false },
    { name: 'a document named _search', method: 'PUT', target: '/i/_doc/_search', repeated: false },
    { name: 'a document by POST', method: 'POST', target: '/i/_doc', repeated: false },
    { name: 'a deletion', method: 'DELETE', target: '/i', repeated: false },
    {
      name: 'a bulk, as configured',
      method: 'POST',
      target: '/_bulk',
      repeated: true,
      retry: { writesOnFailure: true },
    },
    {
      name: 'GET, unless switched off',
      method: 'GET',
      target: '/',
      repeated: false,
      retry: { readsOnFailure: false },
    },
    {
      name: 'GET, unless all is switched off',
      method: 'GET',
      target: '/',
      repeated: false,
      retry: { onFailure: false },
    },
    {
      name: 'GET, as often as allowed',
      method: 'GET',
      target: '/',
      repeated: false,
      retry: { maxTimes: 0 },
    },
  ];
  for (const { name, method, target, repeated, retry } of cases) {
    test(`after a reset: ${repeated ? 'repeats' : 'does not repeat'} ${name}`, async (t) => {
      let requests = 0;
      const reset = async (peer: RawConnection): Promise<void> => {
        await peer.head();
        requests++;
        peer.socket.resetAndDestroy();
      };
      const bad = await rawBackend(t, reset);
      const good = await answering(t, method === 'HEAD' ? '' : 'ok');
      const cluster = open(t, [bad.origin, good.origin]);
      const body = method === 'POST' || method === 'PUT' ? Buffer.from('{}') : null;
      const outcome = ask(cluster, contextOf(method, target, [], body), optionsWith(retry));
      if (repeated) await outcome;
      else await assert.rejects(outcome, { code: 'UPSTREAM_BROKEN' });
      assert.equal(requests, 1);
    });
  }

  test('a small streamed body is sent again, a large one is not', async (t) => {
    const bodies: string[] = [];
    const bad = await rawBackend(t, async (peer) => {
      const length = Number(/content-length: (\d+)/i.exec(await peer.head())?.[1]);
      await peer.until(({ received }) => received.length >= length);
      peer.socket.resetAndDestroy();
    });
    const good = await rawBackend(t, async (peer) => {
      const length = Number(/content-length: (\d+)/i.exec(await peer.head())?.[1]);
      await peer.until(({ received }) => received.length >= length);
      bodies.push(peer.received);
      peer.socket.write(`${ok}Content-Length: 2\r\n\r\nok`);
    });
    const small = contextOf('POST', '/_search', [], streamed(1000));
    assert.equal(await ask(open(t, [bad.origin, good.origin]), small), 'ok');
    assert.deepEqual(bodies, [`${'x'.repeat(999)}y`]);
    const source = streamed(200_000);
    const large = contextOf('POST', '/_search', [], source);
    await assert.rejects(ask(open(t, [bad.origin, good.origin]), large), {
      code: 'UPSTREAM_BROKEN',
    });
    assert.equal(source.cancelled, true);
  });

  test('an idle connection that the node closes just then is tried once more', async (t) => {
    let requests = 0;
    const backend = await rawBackend(t, async (peer, index) => {
      for (let i = 0; ; i++) {
        await peer.head();
        requests++;
        if (index === 0 && i === 1) return peer.socket.resetAndDestroy();
        peer.socket.write(`${ok}Content-Length: 2\r\n\r\nhi`);
      }
    });
    const cluster = open(t, [backend.origin]);
    const options = optionsWith({ maxTimes: 0 });
    assert.equal(await ask(cluster, contextOf('GET', '/'), options), 'hi');
    assert.equal(await ask(cluster, contextOf('GET', '/'), options), 'hi');
    assert.equal(requests, 3);
  });

  test("a busy node's request is repeated when asked for", async (t) => {
    let requests = 0;
    const backend = await rawBackend(t, async (peer) => {
      for (;;) {
        await peer.head();
        peer.received = '';
        requests++;
        if (requests === 1) peer.socket.write('HTTP/1.1 429 Busy\r\nContent-Length: 4\r\n\r\nbusy');
        else peer.socket.write(`${ok}Content-Length: 2\r\n\r\nhi`);
      }
    });
    const cluster = open(t, [backend.origin]);
    const write = contextOf('POST', '/_bulk', [], Buffer.from('{}'));
    assert.equal(await ask(cluster, write, optionsWith({ onBusy: true })), 'hi');
    requests = 0;
    assert.equal(await ask(cluster, write, optionsWith()), 'busy');
  });

  test('a node that answers 503 loses reads to another', async (t) => {
    const bad = await rawBackend(t, async (peer) => {
      for (;;) {
        await peer.head();
        peer.socket.write('HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno');
      }
    });
    const good = await answering(t, 'ok');
    const cluster = open(t, [bad.origin, good.origin]);
    for (let i = 0; i < 4; i++) assert.equal(await ask(cluster), 'ok');
    const alone = open(t, [bad.origin]);
    assert.equal(await ask(alone), 'no');
  });

  test('a sick cluster is not stormed', async (t) => {
    let requests = 0;
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      requests++;
      peer.socket.resetAndDestroy();
    });
    const cluster = open(t, [backend.origin]);
    const options = optionsWith({ maxTimes: 5, delay: 0 });
    for (let i = 0; i < 50; i++) {
      await assert.rejects(ask(cluster, contextOf('GET', '/'), options));
    }
    assert.ok(requests <= 50 + 10 + 50 / 5 + 1, `${requests} requests for 50`);
    assert.ok(requests > 50, 'nothing was repeated');
  });

  test('silence ends with UPSTREAM_TIMEOUT', async (t) => {
    const backend = await rawBackend(t, () => {});
    const options = optionsWith({ maxTimes: 0 }, { headTimeout: 150 });
    await assert.rejects(ask(open(t, [backend.origin]), contextOf('GET', '/'), options), {
      code: 'UPSTREAM_TIMEOUT',
    });
  });

  test('a cluster without nodes is unavailable', async (t) => {
    await assert.rejects(ask(open(t, [])), { code: 'UPSTREAM_UNAVAILABLE' });
  });

  test('a body that breaks in the middle fails its sink', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      peer.socket.write(`${ok}Content-Length: 100\r\n\r\nhalf`);
      setTimeout(() => peer.socket.resetAndDestroy(), 20);
    });
    await assert.rejects(ask(open(t, [backend.origin])), { code: 'UPSTREAM_BROKEN' });
  });

  test('a response larger than allowed is broken off', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      const chunked = (await peer.head()).startsWith('GET /chunked');
      if (chunked) {
        peer.socket.write(`${ok}Transfer-Encoding: chunked\r\n\r\n`);
        setTimeout(() => peer.socket.write(`800\r\n${'x'.repeat(2048)}\r\n`), 10);
      } else peer.socket.write(`${ok}Content-Length: 5000\r\n\r\nx`);
    });
    const options = optionsWith({}, { maxResponseSize: 1000 });
    const cluster = open(t, [backend.origin]);
    for (const target of ['/chunked', '/known']) {
      await assert.rejects(ask(cluster, contextOf('GET', target), options), {
        code: 'RESPONSE_TOO_LARGE',
      });
    }
    await eventually('closed', () =>
      backend.peers.every(({ ended, isClosed: closed }) => ended || closed),
    );
  });
});

test('a client that goes away takes its request with it', async (t) => {
  const backend = await rawBackend(t, () => {});
  const context = contextOf('GET', '/');
  const outcome = ask(open(t, [backend.origin]), context);
  const rejected = assert.rejects(outcome, (error: GatewayError) => error.code === 'CLIENT_GONE');
  await eventually('request', () => backend.peers[0]?.received.includes('\r\n\r\n') === true);
  context.abort();
  await rejected;
  await eventually(
    'closed',
    () => backend.peers[0]?.ended === true || backend.peers[0]?.isClosed === true,
  );
});

test('an upgrade reaches the node and comes back', async (t) => {
  const seen: string[] = [];
  const backend = await rawBackend(t, async (peer) => {
    seen.push(await peer.head());
    peer.socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhey',
    );
  });
  const context = contextOf('GET', '/ws', ['Connection', 'Upgrade', 'Upgrade', 'websocket']);
  context.request.upgrade = 'websocket';
  await open(t, [backend.origin]).forward(context, optionsWith());
  assert.match(seen[0] as string, /\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/);
  assert.equal(context.response.status, 101);
  assert.equal(context.upgraded?.head.toString(), 'hey');
  context.upgraded?.socket.destroy();
});

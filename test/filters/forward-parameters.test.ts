/** Every parameter of the filters that forward does what it says: without it the test would fail. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeCluster } from '../../src/cluster/node-cluster.ts';
import { rawBackend } from '../support/raw-backend.ts';
import { build, configuration, hostOf, named, ok, run } from '../support/proxying.ts';
import { eventually } from '../support/eventually.ts';
import { type RawConnection } from '../support/raw-connection.ts';

/** A filter in front of nodes, by either of the two that forward. */
type Build = (t: TestContext, origins: string[], parameters?: string) => ReturnType<typeof build>;

const kinds: { name: string; create: Build }[] = [
  {
    name: 'elasticsearch',
    create: (t, origins, parameters = '') =>
      build(t, configuration(`{ elasticsearch: { elasticsearch: prod${parameters} } }`, origins)),
  },
  {
    name: 'http',
    create: (t, origins, parameters = '') => {
      const schema = origins[0]?.startsWith('https') ? 'https' : 'http';
      const hosts = JSON.stringify(origins.map(hostOf));
      return build(
        t,
        configuration(`{ http: { schema: ${schema}, hosts: ${hosts}${parameters} } }`),
      );
    },
  },
];

/** Answers each request when told to. */
async function held(t: TestContext) {
  const waiting: RawConnection[] = [];
  const backend = await rawBackend(t, async (peer) => {
    for (;;) {
      await peer.head();
      waiting.push(peer);
    }
  });
  const answer = (): void => {
    for (const { socket } of waiting.splice(0)) socket.write(`${ok}Content-Length: 2\r\n\r\nok`);
  };
  return { ...backend, waiting, answer };
}

async function silentServer(t: TestContext): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    t.after(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

for (const { name, create } of kinds) {
  suite(name, { timeout: 100_000 }, () => {
    test('max_connection_per_node', async (t) => {
      const node = await held(t);
      const filter = await create(t, [node.origin], ', max_connection_per_node: 2');
      const answers = Array.from({ length: 5 }, () => run(filter));
      for (let left = 5; left > 0; left -= 2) {
        await eventually('the next two', () => node.waiting.length === Math.min(2, left));
        node.answer();
      }
      assert.deepEqual(
        await Promise.all(answers),
        Array.from({ length: 5 }, () => 'ok'),
      );
      assert.equal(node.peers.length, 2);
    });

    test('max_conn_wait_timeout', async (t) => {
      const node = await held(t);
      const limits = ', max_connection_per_node: 1, max_conn_wait_timeout: 100ms';
      const filter = await create(t, [node.origin], `${limits}, max_retry_times: 0`);
      const first = run(filter);
      await eventually('the connection to be taken', () => node.waiting.length === 1);
      await assert.rejects(run(filter), { code: 'UPSTREAM_BUSY', status: 503 });
      node.answer();
      assert.equal(await first, 'ok');
    });

    test('max_response_size', async (t) => {
      const node = await named(t, 'twelve bytes');
      const filter = await create(t, [node.origin], ', max_response_size: 12');
      assert.equal(await run(filter), 'twelve bytes');
      const smaller = await create(t, [node.origin], ', max_response_size: 11');
      await assert.rejects(run(smaller), { code: 'RESPONSE_TOO_LARGE', status: 502 });
    });

    test('max_idle_conn_duration', async (t) => {
      const node = await named(t, 'a');
      const filter = await create(t, [node.origin], ', max_idle_conn_duration: 200ms');
      await run(filter);
      await eventually('the unused connection to be closed', () => node.peers[0]?.ended === true);
      await run(filter);
      assert.equal(node.peers.length, 2);
    });

    test('max_conn_duration', async (t) => {
      const node = await named(t, 'a');
      const old = await create(t, [node.origin], ', max_conn_duration: 200ms');
      await run(old);
      await eventually('the old connection to be closed', () => node.peers[0]?.ended === true);
      // One that is in use when its time comes is closed behind its answer.
      const slow = await held(t);
      const used = await create(t, [slow.origin], ', max_conn_duration: 200ms');
      const answer = run(used);
      await eventually('the request', () => slow.waiting.length === 1);
      await sleep(500);
      slow.answer();
      assert.equal(await answer, 'ok');
      await eventually('the old connection to be closed', () => slow.peers[0]?.ended === true);
    });

    test('timeout', async (t) => {
      const silent = await rawBackend(t, () => {});
      const filter = await create(t, [silent.origin], ', timeout: 150ms, max_retry_times: 0');
      await assert.rejects(run(filter), { code: 'UPSTREAM_TIMEOUT', status: 504 });
    });

    test('read_timeout', async (t) => {
      const half = await rawBackend(t, async (peer) => {
        await peer.head();
        peer.socket.write(`${ok}Content-Length: 10\r\n\r\nhalf`);
      });
      const filter = await create(t, [half.origin], ', read_timeout: 150ms');
      await assert.rejects(run(filter), { code: 'UPSTREAM_TIMEOUT', message: /150 ms/ });
    });

    test('dial_timeout, which the TLS handshake is a part of', async (t) => {
      const origin = `https://127.0.0.1:${await silentServer(t)}`;
      const filter = await create(t, [origin], ', dial_timeout: 150ms, max_retry_times: 0');
      await assert.rejects(run(filter), { code: 'UPSTREAM_TIMEOUT', message: /150 ms/ });
    });

    test('max_retry_times and retry_delay_in_ms', async (t) => {
      const times: number[] = [];
      const bad = await rawBackend(t, async (peer) => {
        await peer.head();
        times.push(performance.now());
        peer.reset();
      });
      const retries = ', max_retry_times: 2, retry_delay_in_ms: 300';
      const filter = await create(t, [bad.origin], retries);
      await assert.rejects(run(filter), { code: 'UPSTREAM_BROKEN' });
      assert.equal(times.length, 3);
      const [first = 0, second = 0, third = 0] = times;
      // Timers may be a millisecond early.
      assert.ok(second - first >= 298 && third - second >= 298, times.join());
    });

    test('via', async (t) => {
      const heads: string[] = [];
      const node = await named(t, 'a', heads);
      await run(await create(t, [node.origin]));
      await run(await create(t, [node.origin], ', via: edge'));
      assert.doesNotMatch(heads[0] ?? '', /via/i);
      assert.match(heads[1] ?? '', /\r\nVia: 1\.1 edge\r\n/);
    });
  });
}

suite('http alone', () => {
  test('skip_failure_host', async (t) => {
    for (const skips of [true, false]) {
      let asked = 0;
      const bad = await rawBackend(t, async (peer) => {
        for (;;) {
          await peer.head();
          asked++;
          peer.socket.write('HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n');
        }
      });
      const good = await named(t, 'good');
      const hosts = JSON.stringify([hostOf(bad.origin), hostOf(good.origin)]);
      const parameters = `{ http: { hosts: ${hosts}, skip_failure_host: ${skips} } }`;
      const filter = await build(t, configuration(parameters));
      // No retries by default: every other answer is the bad one's, until it is left out.
      for (let i = 0; i < 12; i++) await run(filter);
      assert.equal(asked, skips ? 3 : 6);
    }
  });
});

suite('elasticsearch alone', () => {
  test('balancer: hash, by hash_key', async (t) => {
    const nodes = await Promise.all(['a', 'b', 'c'].map((name) => named(t, name)));
    const filter = await build(
      t,
      configuration(
        '{ elasticsearch: { elasticsearch: prod, balancer: hash, hash_key: "$[[_ctx.request.path]]" } }',
        nodes.map(({ origin }) => origin),
      ),
    );
    const used = new Set<string>();
    for (let i = 0; i < 30; i++) {
      const [first, second] = [
        await run(filter, 'GET', `/${i}`),
        await run(filter, 'GET', `/${i}`),
      ];
      assert.equal(first, second);
      used.add(first);
    }
    assert.equal(used.size, 3);
  });

  test('retry_on_backend_busy', async (t) => {
    for (const repeats of [true, false]) {
      let asked = 0;
      const node = await rawBackend(t, async (peer) => {
        for (;;) {
          await peer.head();
          asked++;
          const busy = 'HTTP/1.1 429 Busy\r\nContent-Length: 4\r\n\r\nbusy';
          peer.socket.write(asked === 1 ? busy : `${ok}Content-Length: 2\r\n\r\nok`);
        }
      });
      const parameters = `retry_on_backend_busy: ${repeats}, retry_delay_in_ms: 10`;
      const filter = await build(
        t,
        configuration(`{ elasticsearch: { elasticsearch: prod, ${parameters} } }`, [node.origin]),
      );
      assert.equal(await run(filter, 'POST', '/_bulk'), repeats ? 'ok' : 'busy');
    }
  });

  test('refresh.enabled', async (t) => {
    const [seed, found] = [await named(t, 'seed'), await named(t, 'found')];
    for (const refresh of ['', ', refresh: { enabled: true }', ', refresh: { enable: false }']) {
      let cluster: NodeCluster | null = null;
      const filter = await build(
        t,
        configuration(`{ elasticsearch: { elasticsearch: prod${refresh} } }`, [seed.origin]),
        (opened) => (cluster = opened),
      );
      const identity = { name: 'n', roles: ['data'], attributes: {} };
      (cluster as NodeCluster | null)?.observe({
        cluster: 'prod',
        seeds: [seed.origin.replace('localhost', '127.0.0.1')],
        nodes: [seed, found].map(({ origin }) => ({ origin, up: true, reason: null, identity })),
        discovered: true,
        validFor: 60_000,
      });
      const answers = new Set<string>();
      for (let i = 0; i < 6; i++) answers.add(await run(filter));
      const expected = refresh.includes('false') ? ['seed'] : ['found', 'seed'];
      assert.deepEqual([...answers].sort(), expected);
    }
  });

  test("the cluster's request_timeout, where the filter has no timeout", async (t) => {
    const silent = await rawBackend(t, () => {});
    const filter = await build(
      t,
      configuration(
        '{ elasticsearch: { elasticsearch: prod, max_retry_times: 0 } }',
        [silent.origin],
        ', request_timeout: 200ms',
      ),
    );
    await assert.rejects(run(filter), { code: 'UPSTREAM_TIMEOUT', message: /200 ms/ });
  });

  test("the cluster's host, hosts and schema", async (t) => {
    const nodes = await Promise.all(['a', 'b', 'c'].map((name) => named(t, name)));
    const [a = '', b = '', c = ''] = nodes.map(({ origin }) => hostOf(origin));
    const text = configuration('{ elasticsearch: { elasticsearch: prod } }', []).replace(
      'endpoints: []',
      `host: "${a}", hosts: ["${b}"], endpoint: "http://${c}"`,
    );
    const filter = await build(t, text);
    const answers = [await run(filter), await run(filter), await run(filter)];
    assert.deepEqual(answers.sort(), ['a', 'b', 'c']);
    // By another scheme they are not understood.
    const secure = text
      .replace(/, endpoint: "[^"]*"/, ', schema: https')
      .replace(
        'elasticsearch: prod',
        'elasticsearch: prod, dial_timeout: 200ms, max_retry_times: 0',
      );
    // The nodes wait for the end of a head, which a TLS handshake does not have.
    await assert.rejects(run(await build(t, secure)), { message: /^https:.* 200 ms$/ });
  });
});

/** Limits for each node hold over all workers, and requests over them wait, or are told so. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { Server as TlsServer } from 'node:tls';
import type { LeaseSource } from '../../src/shared-limits/messages.ts';
import { TokenBucket } from '../../src/shared-limits/worker/token-bucket.ts';
import { ask } from '../support/clients.ts';
import { startBackend, startGateway } from '../support/gateway.ts';
import { selfSigned } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { eventually } from '../support/eventually.ts';

function configuration(origin: string, limits: string): string {
  return `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: main }]
flow: [{ name: main, filter: [{ elasticsearch: { elasticsearch: prod } }] }]
elasticsearch:
  - name: prod
    endpoint: "${origin}"
    health_check.enabled: false
    traffic_control: { ${limits} }
`;
}

/**
 * Asks from many clients at once for `time` ms, and until so many have got their answer; answers how
 * many got which status.
 */
async function hammer(
  url: string,
  time: number,
  atLeast = 0,
  body?: Buffer,
): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  const end = performance.now() + time;
  let count = 0;
  const client = async (): Promise<void> => {
    while (performance.now() < end || count < atLeast) {
      const { status } = await ask(url, body ? { method: 'POST', body } : {});
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      count++;
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  return statuses;
}

/** A server that counts how many connections it had at a time. */
async function counted(t: TestContext, server: Server) {
  let open = 0;
  let most = 0;
  server.on('connection', (socket: Socket) => {
    open++;
    most = Math.max(most, open);
    socket.on('close', () => open--);
    t.after(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const scheme = server instanceof TlsServer ? 'https' : 'http';
  return {
    origin: `${scheme}://localhost:${port}`.replace('http://localhost', 'http://127.0.0.1'),
    most: () => most,
    now: () => open,
  };
}

suite('traffic control', () => {
  test('what waits for its turn when the primary dies is answered', async (t) => {
    const { origin } = await startBackend(t, (_, response) => response.end());
    const limits = 'max_qps_per_node: 1, max_wait_time_in_ms: 120000';
    const gateway = await startGateway(t, configuration(origin, limits), {
      args: ['--workers', '1'],
    });
    const url = await gateway.origin('main');
    const answers = Array.from({ length: 20 }, () => ask(url));
    await eventually('them to wait', async () => {
      return ((await gateway.status()).entries[0]?.total ?? 0) >= 20;
    });
    process.kill(gateway.pid, 'SIGKILL');
    for (const { status } of await Promise.all(answers)) assert.equal(status, 200);
  });

  test('requests in a second, over all workers', async (t) => {
    let seen = 0;
    const { origin } = await startBackend(t, (_, response) => {
      seen++;
      response.end();
    });
    const gateway = await startGateway(t, configuration(origin, 'max_qps_per_node: 50'), {
      args: ['--workers', '4'],
    });
    const url = await gateway.origin('main');
    const began = performance.now();
    const statuses = await hammer(url, 2000, 100);
    const seconds = (performance.now() - began) / 1000;
    assert.deepEqual([...statuses.keys()], [200], 'all wait for their turn');
    // What one second brings may be saved up, and each worker may hold one batch.
    assert.ok(seen <= 50 * (seconds + 1) + 10, `${seen} requests in ${seconds} s`);
  });

  test('who has waited too long is told with 429', async (t) => {
    const { origin } = await startBackend(t, (_, response) => response.end());
    const limits = 'max_qps_per_node: 2, max_wait_time_in_ms: 100';
    const gateway = await startGateway(t, configuration(origin, limits));
    const url = await gateway.origin('main');
    const began = performance.now();
    const statuses = await hammer(url, 1500, 50);
    const seconds = (performance.now() - began) / 1000;
    assert.deepEqual(new Set(statuses.keys()), new Set([200, 429]));
    const passed = statuses.get(200) ?? 0;
    assert.ok(passed <= 2 * (seconds + 1) + 3, `${passed} passed in ${seconds} s`);
  });

  test('bytes in a second; one request may have more than that', async (t) => {
    let bytes = 0;
    const { origin } = await startBackend(t, (incoming, response) => {
      incoming.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      incoming.on('end', () => response.end());
    });
    const gateway = await startGateway(t, configuration(origin, 'max_bytes_per_node: 100kb'));
    const url = await gateway.origin('main');
    const began = performance.now();
    await hammer(url, 1000, 40, Buffer.alloc(5000));
    const seconds = (performance.now() - began) / 1000;
    // What waits at one time is granted as a whole.
    const kilobytes = bytes / 1024;
    assert.ok(kilobytes <= 100 * (seconds + 1) + 16 * 5, `${kilobytes} kB in ${seconds} s`);
    const then = performance.now();
    assert.equal((await ask(url, { method: 'POST', body: Buffer.alloc(200_000) })).status, 200);
    // Each of the two workers may have a little left.
    for (let i = 0; i < 3; i++) {
      assert.equal((await ask(url, { method: 'POST', body: Buffer.alloc(10_000) })).status, 200);
    }
    assert.ok(performance.now() - then > 1000, 'it is owed');
  });

  test('connections at a time, over all workers, filters and reloads', async (t) => {
    let serving = 0;
    let mostServing = 0;
    const server = createServer((_, response) => {
      mostServing = Math.max(mostServing, ++serving);
      setTimeout(() => {
        serving--;
        response.end();
      }, 20);
    });
    server.keepAliveTimeout = 0;
    const { origin, now } = await counted(t, server);
    // The second filter has connections of its own.
    const text = configuration(origin, 'max_connection_per_node: 3').replace(
      'default_flow: main',
      'default_flow: main, rules: [{ method: "*", pattern: /other, flow: [other] }]',
    );
    const other = `
      - name: other
        filter: [{ elasticsearch: { elasticsearch: prod, dial_timeout: 5s } }]`;
    const gateway = await startGateway(
      t,
      text.replace(/^flow: \[(.*)\]$/m, `flow:\n      - $1${other}`),
      {
        args: ['--workers', '4'],
      },
    );
    const url = await gateway.origin('main');
    const clients = [hammer(url, 3000), hammer(`${url}/other`, 3000)];
    assert.equal((await gateway.reload()).status, 200);
    for (const statuses of await Promise.all(clients)) {
      assert.deepEqual([...statuses.keys()], [200], 'all wait for their turn');
    }
    // The node may see a connection that takes another's place before it sees that one's end.
    assert.equal(mostServing, 3);
    await eventually('no more than are allowed to be left', () => now() <= 3);
  });

  test('who has waited too long for a connection is told with 429', async (t) => {
    const { origin } = await startBackend(t, (_, response) => {
      setTimeout(() => response.end(), 5000).unref();
    });
    const limits = 'max_connection_per_node: 1, max_wait_time_in_ms: 100';
    const gateway = await startGateway(t, configuration(origin, limits));
    const url = await gateway.origin('main');
    const statuses = await Promise.all(
      Array.from({ length: 6 }, async () => (await ask(url)).status),
    );
    assert.deepEqual(
      statuses.sort((a, b) => a - b),
      [200, 429, 429, 429, 429, 429],
    );
  });

  test('connections by HTTP/2 at a time', async (t) => {
    const { cert, key } = selfSigned(temporaryFolder(t), 'localhost');
    const { origin, most } = await counted(
      t,
      createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_, response) => {
        setTimeout(() => response.end(), 20);
      }),
    );
    const text = configuration(origin, 'max_connection_per_node: 2');
    const gateway = await startGateway(t, text.replace('prod\n', 'prod\n    http2: true\n'), {
      args: ['--workers', '2'],
    });
    const statuses = await hammer(await gateway.origin('main'), 1000, 20);
    assert.ok((statuses.get(200) ?? 0) > 10);
    assert.ok(most() <= 2, `${most()} connections`);
  });

  test('a request hardly ever asks the primary', () => {
    let asked = 0;
    const source: LeaseSource = {
      request({ key, amount }, user) {
        asked++;
        const [window, until] = [0, 0];
        user.granted({ type: 'lease-grant', kind: 'tokens', key, amount, window, until });
      },
      return: () => {},
      forget: () => {},
    };
    const bucket = new TokenBucket(source, 'b', 10_000, false);
    bucket.wait(1, 1000, () => {});
    for (let i = 0; i < 1000; i++) assert.ok(bucket.take(1));
    assert.ok(asked <= 15, `asked ${asked} times for 1000 requests`);
  });
});

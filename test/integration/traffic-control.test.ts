/** Limits for each node hold over all workers, and requests over them wait, or are told so. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Quota } from '../../src/upstream/quota.ts';
import { ask } from '../harness/clients.ts';
import { startBackend, startGateway } from '../harness/gateway.ts';

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

/** Asks from many clients at once for `time` ms; answers how many got which status. */
async function hammer(url: string, time: number, body?: Buffer): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  const end = performance.now() + time;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const { status } = await ask(url, body ? { method: 'POST', body } : {});
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  return statuses;
}

suite('traffic control', () => {
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
    const statuses = await hammer(url, 3000);
    const seconds = (performance.now() - began) / 1000;
    assert.deepEqual([...statuses.keys()], [200], 'all wait for their turn');
    // A tenth of a second may be saved up, and each worker may hold one batch.
    assert.ok(seen <= 50 * seconds + 10, `${seen} requests in ${seconds} s`);
    assert.ok(seen >= 50 * 2, `${seen} requests in ${seconds} s`);
  });

  test('who has waited too long is told with 429', async (t) => {
    const { origin } = await startBackend(t, (_, response) => response.end());
    const limits = 'max_qps_per_node: 2, max_wait_time_in_ms: 100';
    const gateway = await startGateway(t, configuration(origin, limits));
    const statuses = await hammer(await gateway.origin('main'), 1500);
    assert.deepEqual(new Set(statuses.keys()), new Set([200, 429]));
    assert.ok((statuses.get(200) ?? 0) <= 6, `${statuses.get(200)} passed`);
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
    await hammer(url, 2000, Buffer.alloc(5000));
    const seconds = (performance.now() - began) / 1000;
    // What waits at one time is granted as a whole.
    const kilobytes = bytes / 1024;
    assert.ok(kilobytes <= 100 * seconds + 16 * 5, `${kilobytes} kB in ${seconds} s`);
    assert.ok(kilobytes >= 150, `${kilobytes} kB in ${seconds} s`);
    assert.equal((await ask(url, { method: 'POST', body: Buffer.alloc(200_000) })).status, 200);
    const then = performance.now();
    // Each of the two workers may have a little left.
    for (let i = 0; i < 3; i++) {
      assert.equal((await ask(url, { method: 'POST', body: Buffer.alloc(10_000) })).status, 200);
    }
    assert.ok(performance.now() - then > 1000, 'it is owed');
  });

  test('a request hardly ever asks the primary', () => {
    let asked = 0;
    const quota = new Quota(10_000, (count) => {
      asked++;
      quota.grant(count);
    });
    quota.wait(1, 1000, () => {});
    for (let i = 0; i < 1000; i++) assert.ok(quota.take(1));
    assert.ok(asked <= 15, `asked ${asked} times for 1000 requests`);
  });
});

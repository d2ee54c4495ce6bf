/** What an answer to a check says of a node, and how many it takes. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import pino from 'pino';
import type { HealthCheckConfig } from '../../../src/config/types.ts';
import type { ClusterObservation } from '../../../src/ipc/cluster-state.ts';
import { isWell, isWellOfElasticsearch } from '../../../src/cluster/monitoring/expected-status.ts';
import { ClusterObserver } from '../../../src/cluster/monitoring/monitor.ts';
import { startBackend } from '../../support/gateway.ts';
import { eventually } from '../../support/eventually.ts';

/** Checks a node that gives these answers, the last one for good; what was observed each time. */
async function observe(
  t: TestContext,
  statuses: readonly number[],
  more: Partial<HealthCheckConfig> = {},
  usual = isWell,
): Promise<(boolean | null)[]> {
  let asked = 0;
  const { origin } = await startBackend(t, (_, response) => {
    response.writeHead(statuses[Math.min(asked++, statuses.length - 1)] as number);
    response.end();
  });
  const observed: (boolean | null)[] = [];
  const watched = {
    name: 'c',
    endpoints: [origin],
    discovery: { enabled: false, interval: 0 },
    healthCheck: {
      enabled: true,
      interval: 1000,
      timeout: 2000,
      path: '/',
      rise: 1,
      fall: 2,
      ...more,
    },
    authorization: null,
    connections: { tls: null, tlsInsecureSkipVerify: null },
    isWell: usual,
  };
  const observer = new ClusterObserver(
    watched,
    pino({ level: 'silent' }),
    ({ nodes }: ClusterObservation) => void observed.push(nodes[0]?.up ?? null),
  );
  observer.start(null);
  t.after(() => observer.stop());
  await eventually('the checks', () => observed.length >= statuses.length);
  return observed.slice(0, statuses.length);
}

suite('a health check', { timeout: 60_000, concurrency: true }, () => {
  for (const status of [500, 404, 401]) {
    test(`of a server fails with ${status}`, async (t) => {
      assert.deepEqual(await observe(t, [status]), [false]);
    });
  }
  for (const status of [200, 204, 302]) {
    test(`of a server is passed with ${status}`, async (t) => {
      assert.deepEqual(await observe(t, [status]), [true]);
    });
  }
  for (const [status, up] of [
    [401, true],
    [403, true],
    [429, true],
    [500, false],
    [404, false],
  ] as const) {
    test(`of Elasticsearch ${up ? 'is passed' : 'fails'} with ${status}`, async (t) => {
      assert.deepEqual(await observe(t, [status], {}, isWellOfElasticsearch), [up]);
    });
  }

  test('goes by the statuses that are expected', async (t) => {
    const expected = { expected_status: ['5xx', 418] };
    assert.deepEqual(await observe(t, [503], expected), [true]);
    assert.deepEqual(await observe(t, [418], expected), [true]);
    assert.deepEqual(await observe(t, [200], expected), [false]);
  });

  test('fails, and rises again, after so many in a row', async (t) => {
    const statuses = [200, 500, 500, 500, 200, 500, 200, 200];
    const seen = await observe(t, statuses, { fall: 3, rise: 2 });
    assert.deepEqual(seen, [true, true, true, false, false, false, false, true]);
  });
});

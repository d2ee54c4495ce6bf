import assert from 'node:assert/strict';
import net from 'node:net';
import { test, type TestContext } from 'node:test';
import { pino } from 'pino';
import type { GatewayConfig } from '../../src/config/types.ts';
import { entryConfig } from '../support/entry.ts';
import { leaseKey } from '../../src/shared-limits/lease-key.ts';
import { Serving } from '../../src/worker/serving.ts';

function echo(message: string, more: object = {}) {
  const parameters = {
    message,
    status: 200,
    repeat: 1,
    continue: true,
    response: true,
    stdout: false,
    ...more,
  };
  return { kind: 'filter' as const, name: 'echo', parameters, path: 'flow[0].filter[0].echo' };
}

const config: GatewayConfig = {
  api: null,
  plugins: [],
  entry: [
    entryConfig({ name: 'one', router: 'first', drain: { idle: 100, timeout: 1000 } }),
    entryConfig({ name: 'two', router: 'second', drain: { idle: 100, timeout: 1000 } }),
  ],
  router: [
    {
      name: 'first',
      default_flow: null,
      tracing_flow: null,
      ip_access_control: null,
      rules: [{ method: ['*'], pattern: ['/x', '/{y}/z'], flow: ['a', 'b'] }],
    },
    { name: 'second', default_flow: 'b', tracing_flow: null, ip_access_control: null, rules: [] },
  ],
  flow: [
    { name: 'a', filter: [echo('a')] },
    { name: 'b', filter: [echo('b', { status: 201 })] },
  ],
  elasticsearch: [],
  workers: 1,
  supervision: {
    heartbeat_timeout: 0,
    orphan_timeout: 0,
    shutdown_delay: 0,
    max_draining_generations: 1,
    max_draining_memory: 0,
  },
  path: { data: '', logs: '', configs: '' },
  configs: { auto_reload: false },
  log: { level: 'silent' },
};

async function start(t: TestContext) {
  const returned: string[] = [];
  const serving = await Serving.build(config, {
    log: pino({ level: 'silent' }),
    leases: {
      request: ({ key, amount }, user) =>
        setImmediate(() => user.granted({ type: 'lease-grant', kind: 'slots', key, amount })),
      return: ({ key, amount }) => void returned.push(`${key} ${amount}`),
      forget: () => {},
    },
    credentials: {},
    ticketKeys: Buffer.alloc(48),
    clusterObserved: () => {},
    wantClusterCheck: () => {},
  });
  t.after(() => serving.close());
  const origins: string[] = [];
  for (const entry of ['one', 'two']) {
    const bound = new net.BoundSocket({ host: '127.0.0.1', port: 0 });
    origins.push(`http://127.0.0.1:${bound.address().port}`);
    await serving.listen(entry, bound);
  }
  return { serving, origins, returned };
}

async function seen(url: string): Promise<string> {
  const response = await fetch(url);
  return `${response.status} ${await response.text()}`;
}

test('each entry has its router; a rule runs its flows in sequence', async (t) => {
  const { serving, origins } = await start(t);
  await serving.selfTest();
  assert.equal(await seen(`${origins[0]}/x`), '201 ab');
  assert.equal(await seen(`${origins[0]}/1/z?q`), '201 ab');
  assert.equal(await seen(`${origins[0]}/y`), '404 NOT FOUND');
  assert.equal(await seen(`${origins[1]}/y`), '201 b');
  const [one, two] = serving.inspect().entries;
  assert.equal(one?.total, 3);
  assert.equal(two?.total, 1);
  assert.deepEqual(serving.inspect().holders, [], 'nobody is drained');
});

test('a drain drains every entry, and returns every slot', async (t) => {
  const { serving, origins, returned } = await start(t);
  const socket = net.connect({ port: Number(new URL(origins[0] ?? '').port), host: '127.0.0.1' });
  await new Promise((resolve) => {
    socket.once('connect', resolve);
  });
  socket.resume();
  const draining = serving.drain({ cause: 'stopping' });
  assert.equal((await draining).quiet, 1);
  const sums = Object.groupBy(returned, (line) => line.split(' ')[0] ?? '');
  assert.deepEqual(Object.keys(sums).sort(), [leaseKey('entry', 'one'), leaseKey('entry', 'two')]);
});

test('a reference to nothing is an error', async () => {
  const broken = {
    ...config,
    entry: [entryConfig({ name: 'one', router: 'missing', drain: { idle: 100, timeout: 1000 } })],
  };
  await assert.rejects(
    Serving.build(broken, {
      log: pino({ level: 'silent' }),
      leases: { request() {}, return() {}, forget() {} },
      credentials: {},
      ticketKeys: Buffer.alloc(48),
      clusterObserved() {},
      wantClusterCheck() {},
    }),
    /no router called missing/,
  );
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import { ask, Clients, entry, start } from '../support/primary-gateway.ts';
import { eventually } from '../support/eventually.ts';

for (const reuse_port of [true, false]) {
  suite(`reload with reuse_port ${reuse_port}`, () => {
    test('replaces every worker under clients that notice nothing', async (t) => {
      const config = { entry: [entry('a', { reuse_port })] };
      const gateway = await start(t, config);
      const port = await gateway.port('a');
      const before = (await gateway.status()).workers.map(({ pid }) => pid);
      const clients = new Clients(t, port, 8);
      gateway.write({ ...config, flow: 'two' });
      const { status, record } = await gateway.reload();
      assert.equal(status, 200);
      assert.equal(record.result, 'done');
      assert.equal(record.generation, 2);
      assert.deepEqual(
        record.workers.map(({ slot }) => slot),
        [0, 1],
      );
      const { flow } = await ask(port);
      assert.equal(flow, 'two');
      await clients.stop();
      assert.deepEqual(clients.failures, []);
      assert.ok(clients.asked > 20, `${clients.asked} requests`);
      const after = await gateway.status();
      assert.equal(await gateway.port('a'), port);
      for (const { pid, generation } of after.workers) {
        assert.ok(!before.includes(pid));
        assert.equal(generation, 2);
      }
    });

    test('changes the number of workers, and loses no connection', async (t) => {
      const config = { entry: [entry('a', { reuse_port })] };
      const gateway = await start(t, { ...config, workers: 3 }, { workers: 0 });
      const port = await gateway.port('a');
      const clients = new Clients(t, port, 8);
      for (const workers of [1, 4, 2]) {
        gateway.write({ ...config, workers });
        assert.equal((await gateway.reload()).status, 200);
        assert.equal((await gateway.status()).workers.length, workers);
      }
      await clients.stop();
      assert.deepEqual(clients.failures, []);
    });

    test('adds and removes entries', async (t) => {
      const a = entry('a', { reuse_port });
      const b = entry('b', { reuse_port });
      const gateway = await start(t, { entry: [a] });
      const port = await gateway.port('a');
      const clients = new Clients(t, port, 4);
      gateway.write({ entry: [a, b] });
      assert.equal((await gateway.reload()).status, 200);
      const other = await gateway.port('b');
      assert.equal((await ask(other)).entry, 'b');
      gateway.write({ entry: [a] });
      assert.equal((await gateway.reload()).status, 200);
      await eventually('the removed entry to be closed', () =>
        ask(other).then(
          () => false,
          (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
        ),
      );
      await clients.stop();
      assert.deepEqual(clients.failures, []);
    });

    test('a worker that refuses is rolled back, and nobody notices', async (t) => {
      const config = { entry: [entry('a', { reuse_port })] };
      const gateway = await start(t, config);
      const port = await gateway.port('a');
      const clients = new Clients(t, port, 8);
      gateway.write({ ...config, flow: 'refuse-1' });
      const { status, record } = await gateway.reload();
      assert.equal(status, 409);
      assert.equal(record.result, 'rolled-back');
      assert.match(record.problems.join(), /worker 1 .*the stand-in refuses in slot 1/);
      const { workers, generation } = await gateway.status();
      assert.equal(generation, 1);
      assert.deepEqual(
        workers.map((worker) => worker.generation),
        [1, 1],
      );
      await clients.stop();
      assert.deepEqual(clients.failures, []);
      const { flow } = await ask(port);
      assert.equal(flow, 'one');
    });
  });
}

test('a configuration that cannot be used touches nothing', async (t) => {
  const config = { entry: [entry('a')] };
  const gateway = await start(t, config);
  const before = (await gateway.status()).workers.map(({ pid }) => pid);
  gateway.writeText('{');
  const { status, record } = await gateway.reload();
  assert.equal(status, 409);
  assert.equal(record.result, 'refused');
  assert.match(record.problems.join(), /evergate\.json/);
  gateway.write({ ...config, flow: 'refuse' });
  const refused = await gateway.reload();
  assert.equal(refused.record.result, 'refused');
  const after = await gateway.status();
  assert.deepEqual(
    after.workers.map(({ pid }) => pid),
    before,
  );
  assert.deepEqual(
    after.reloads.map(({ result }) => result),
    ['done', 'refused', 'refused'],
  );
});

test('an address that cannot be bound refuses the reload as a whole', async (t) => {
  const a = entry('a');
  const gateway = await start(t, { entry: [a] });
  const other = await start(t, { entry: [entry('x', { reuse_port: false })] });
  const before = (await gateway.status()).workers.map(({ pid }) => pid);
  const port = await other.port('x');
  gateway.write({ entry: [a, entry('b', { port })] });
  const { status, record } = await gateway.reload();
  assert.equal(status, 409);
  assert.equal(record.result, 'refused');
  assert.match(record.problems.join(), new RegExp(`entry b .*127\\.0\\.0\\.1:${port}.*in use`));
  assert.deepEqual(
    (await gateway.status()).workers.map(({ pid }) => pid),
    before,
  );
});

test('a signal, the control socket and a file write one kind of record', async (t) => {
  const config = { entry: [entry('a')], auto_reload: true };
  const gateway = await start(t, config);
  gateway.process.kill('SIGHUP');
  await eventually('the reload by signal', async () => (await gateway.status()).generation === 2);
  assert.equal((await gateway.reload()).status, 200);
  gateway.write({ ...config, flow: 'two' });
  await eventually('the reload by file', async () => (await gateway.status()).generation === 4);
  gateway.writeText('{');
  await eventually('the refusal', async () => (await gateway.status()).reloads.length > 4);
  const { reloads } = await gateway.status();
  assert.deepEqual(
    reloads.map(({ trigger }) => trigger),
    ['start', 'signal', 'control', 'files', 'files'],
  );
});

test('reloads asked for together are one', async (t) => {
  const gateway = await start(t, { entry: [entry('a')] });
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => gateway.reload()));
  for (const { status } of outcomes) assert.equal(status, 200);
  const { generation } = await gateway.status();
  assert.ok(generation <= 4, `${generation} generations for 6 requests at once`);
});

test('a third generation waits until the first has drained', async (t) => {
  const config = { entry: [entry('a')] };
  const gateway = await start(t, config);
  const port = await gateway.port('a');
  const held = connect(port, '127.0.0.1');
  t.after(() => held.destroy());
  await once(held, 'connect');
  held.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(held, 'data');
  assert.equal((await gateway.reload()).status, 200);
  const waiting = gateway.reload();
  await eventually('the second reload to wait', async () => (await gateway.status()).waiting);
  const { draining } = await gateway.status();
  assert.ok(draining.length > 0);
  for (const { generation } of draining) assert.equal(generation, 1);
  assert.equal((await waiting).record.generation, 3);
  const [, first] = (await gateway.status()).reloads;
  assert.deepEqual(first?.drain, { workers: 2, broken: 0, answered: 0, quiet: 1, forced: 0 });
});

test('auto_reload can be switched on and off by a reload', async (t) => {
  const config = { entry: [entry('a')] };
  const gateway = await start(t, config);
  gateway.write({ ...config, auto_reload: true });
  assert.equal((await gateway.reload()).record.generation, 2);
  gateway.write({ ...config, auto_reload: true, flow: 'two' });
  await eventually('a reload by file', async () => (await gateway.status()).generation === 3);
  gateway.write({ ...config, auto_reload: false, flow: 'three' });
  await eventually('the last one', async () => (await gateway.status()).generation === 4);
  gateway.write({ ...config, flow: 'four' });
  // Asked for explicitly, it is the next: no other came before it.
  assert.equal((await gateway.reload()).record.generation, 5);
});

test('files that come out the same replace nothing', async (t) => {
  const config = { entry: [entry('a')], auto_reload: true };
  const gateway = await start(t, config);
  gateway.writeText('{');
  await eventually('the refusal', async () => (await gateway.status()).reloads.length === 2);
  gateway.write(config);
  await eventually('its being taken back', async () => {
    const { reloads } = await gateway.status();
    return reloads.at(-1)?.result === 'unchanged';
  });
  assert.equal((await gateway.status()).generation, 1);
});

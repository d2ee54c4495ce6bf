import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ask, entry, isAlive, launch, start, startBusy } from '../support/primary-gateway.ts';
import { eventually } from '../support/eventually.ts';

for (const reuse_port of [true, false]) {
  test(`all workers killed: waiting connections are answered (reuse_port ${reuse_port})`, async (t) => {
    const gateway = await start(t, { entry: [entry('a', { reuse_port })] });
    const port = await gateway.port('a');
    const before = (await gateway.status()).workers.map(({ pid }) => pid);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(port)));
    for (const { pid, status } of answers) {
      assert.equal(status, 200);
      assert.ok(!before.includes(pid), 'a dead worker cannot answer');
    }
  });
}

test('one worker killed: it is replaced, and its clients are reset at once', async (t) => {
  const gateway = await start(t, { entry: [entry('a')] }, { workers: 1 });
  const port = await gateway.port('a');
  const [worker] = (await gateway.status()).workers;
  const client = connect(port, '127.0.0.1');
  t.after(() => client.destroy());
  await once(client, 'connect');
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(client, 'data');
  const closed = once(client, 'close');
  client.on('error', () => {});
  process.kill(worker?.pid ?? 0, 'SIGKILL');
  await closed;
  assert.equal((await ask(port)).status, 200);
  const [replacement] = await eventually('the replacement', async () => {
    const { workers } = await gateway.status();
    return workers[0]?.stage === 'ready' ? workers : null;
  });
  assert.equal(replacement?.slot, 0);
  assert.notEqual(replacement?.pid, worker?.pid);
});

test('killing workers again and again leaks no descriptors', async (t) => {
  const config = { entry: [entry('a'), entry('b', { reuse_port: false })] };
  const gateway = await start(t, config, { workers: 4 });
  const port = await gateway.port('a');
  const descriptors = (): number => readdirSync(`/proc/${gateway.pid}/fd`).length;
  const kill = async (): Promise<void> => {
    const killed = (await gateway.status()).workers.map(({ pid }) => pid);
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await eventually('four other workers', async () => {
      const { workers } = await gateway.status();
      return (
        workers.length === 4 &&
        workers.every(({ pid, stage }) => stage === 'ready' && !killed.includes(pid))
      );
    });
  };
  await kill();
  const before = descriptors();
  for (let round = 0; round < 4; round++) await kill();
  assert.equal((await ask(port)).status, 200);
  assert.ok(descriptors() <= before, `${before} descriptors became ${descriptors()}`);
});

test('TERM to one worker: it is replaced before it goes', async (t) => {
  const gateway = await start(t, { entry: [entry('a')] }, { workers: 1 });
  const port = await gateway.port('a');
  const [worker] = (await gateway.status()).workers;
  process.kill(worker?.pid ?? 0, 'SIGTERM');
  await eventually('another worker', async () => (await ask(port)).pid !== worker?.pid);
  await eventually('its end', () => !isAlive(worker?.pid ?? 0));
  await eventually('the log to say so', () => gateway.output.includes('worker drained'));
});

test('the primary killed: workers finish what they have and end', async (t) => {
  const { gateway, workers, slow } = await startBusy(t);
  gateway.process.kill('SIGKILL');
  assert.equal((await slow).status, 200);
  await eventually('the workers to end', () => !workers.some(isAlive));
});

test('a crash loop at the start is fatal', async (t) => {
  const gateway = launch(t, { entry: [entry('a')], flow: 'crash' });
  const { code } = await gateway.exit();
  assert.equal(code, 1);
  assert.match(gateway.output, /WORKER_CRASH_LOOP: .* ended with code 7/);
});

test('a worker that refuses at the start is fatal at once', async (t) => {
  const gateway = launch(t, { entry: [entry('a')], flow: 'refuse' });
  const { code } = await gateway.exit();
  assert.equal(code, 1);
  assert.match(gateway.output, /WORKER_NOT_READY: .*the stand-in refuses/);
});

test('a crash loop after a reload is rolled back', async (t) => {
  const config = { entry: [entry('a')] };
  const gateway = await start(t, config);
  gateway.write({ ...config, flow: 'crash' });
  const { status, record } = await gateway.reload();
  assert.equal(status, 409);
  assert.match(record.problems.join(), /ended with code 7/);
  assert.equal((await ask(await gateway.port('a'))).flow, 'one');
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestControl } from '../../src/primary/control/client.ts';
import { ask, entry, isAlive, launch, start, startBusy } from '../support/primary-gateway.ts';
import { eventually } from '../support/eventually.ts';

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} answers what is there and exits 0`, async (t) => {
    const { gateway, workers, slow } = await startBusy(t);
    gateway.process.kill(signal);
    assert.equal((await slow).status, 200);
    assert.deepEqual(await gateway.exit(), { code: 0, signal: null });
    assert.ok(!workers.some(isAlive));
    assert.ok(!existsSync(gateway.socket));
  });
}

test('INT to the whole group, as a terminal sends it, still drains', async (t) => {
  const { gateway, workers, slow } = await startBusy(t);
  for (const pid of [...workers, gateway.pid]) process.kill(pid, 'SIGINT');
  assert.equal((await slow).status, 200);
  assert.equal((await gateway.exit()).code, 0);
});

test('a second signal stops at once', async (t) => {
  const drain = { idle: 60_000, timeout: 60_000 };
  const gateway = await start(t, { entry: [entry('a', {}, { drain })] });
  const held = connect(await gateway.port('a'), '127.0.0.1');
  held.on('error', () => {});
  t.after(() => held.destroy());
  await once(held, 'connect');
  held.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(held, 'data');
  gateway.process.kill('SIGTERM');
  await eventually('the drain', async () => (await gateway.status()).state === 'stopping');
  await sleep(400);
  assert.ok(!gateway.ended, 'a held connection is waited for');
  gateway.process.kill('SIGTERM');
  assert.equal((await gateway.exit()).code, 0);
});

test('stop by the control socket answers when the gateway has drained', async (t) => {
  const gateway = await start(t, { entry: [entry('a')] });
  const workers = (await gateway.status()).workers.map(({ pid }) => pid);
  const { status } = await requestControl(gateway.socket, 'POST', '/stop');
  assert.equal(status, 200);
  assert.ok(!workers.some(isAlive));
  assert.equal((await gateway.exit()).code, 0);
});

test('whoever reads the log may go away', async (t) => {
  const gateway = await start(t, { entry: [entry('a')] });
  const port = await gateway.port('a');
  gateway.process.stdout?.destroy();
  gateway.process.stderr?.destroy();
  const before = (await gateway.status()).workers.map(({ pid }) => pid);
  for (let round = 0; round < 2; round++) assert.equal((await gateway.reload()).status, 200);
  const { pid, workers } = await gateway.status();
  assert.equal(pid, gateway.pid);
  assert.ok(workers.every((worker) => !before.includes(worker.pid)));
  assert.equal((await ask(port)).status, 200);
  gateway.process.kill('SIGTERM');
  assert.deepEqual(await gateway.exit(), { code: 0, signal: null });
});

test('one that still starts is stopped without waiting for its workers', async (t) => {
  const gateway = launch(t, { entry: [entry('a')], flow: 'hang' });
  await eventually('its control socket', () => existsSync(gateway.socket));
  const asked = performance.now();
  gateway.process.kill('SIGTERM');
  assert.deepEqual(await gateway.exit(), { code: 0, signal: null });
  const waited = performance.now() - asked;
  assert.ok(waited < 20_000, `${waited} ms: as long as a worker may take to be ready`);
});

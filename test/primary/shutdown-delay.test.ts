/** A gateway that is told to stop leaves load balancers the time to take it out. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestControl } from '../../src/primary/control/client.ts';
import { ask, Clients, entry, start } from '../support/primary-gateway.ts';
import { eventually } from '../support/eventually.ts';

const delayed = { supervision: { shutdown_delay: 2000 } };

test('while the delay lasts, probes refuse and connections are accepted', async (t) => {
  const gateway = await start(t, { entry: [entry('a')], ...delayed });
  const port = await gateway.port('a');
  const clients = new Clients(t, port, 2);
  const asked = performance.now();
  gateway.process.kill('SIGTERM');
  const readyz = async (): Promise<number> =>
    (await requestControl(gateway.socket, 'GET', '/readyz')).status;
  await eventually('the probe to refuse', async () => (await readyz()) === 503);
  assert.equal((await gateway.status()).state, 'stopping');
  assert.equal((await requestControl(gateway.socket, 'GET', '/healthz')).status, 200);
  while (performance.now() - asked < 1500) assert.equal((await ask(port)).status, 200);
  await clients.stop();
  assert.deepEqual(clients.failures, []);
  assert.equal((await gateway.exit()).code, 0);
  assert.ok(performance.now() - asked >= 2000);
  assert.match(gateway.output, /stopping in 2 s/);
});

test('a worker that dies meanwhile is replaced', async (t) => {
  const gateway = await start(t, { entry: [entry('a')], ...delayed }, { workers: 1 });
  const port = await gateway.port('a');
  const [before] = (await gateway.status()).workers;
  gateway.process.kill('SIGTERM');
  await eventually('the wish', () => gateway.output.includes('stopping in'));
  const pid = before?.pid ?? 0;
  process.kill(pid, 'SIGKILL');
  // Until then it may still accept a connection, which ends with it.
  await eventually('the end of the worker', () => !existsSync(`/proc/${pid}`));
  assert.equal((await ask(port)).status, 200);
});

test('a second signal ends the gateway at once', async (t) => {
  const supervision = { shutdown_delay: 600_000 };
  const gateway = await start(t, { entry: [entry('a')], supervision });
  gateway.process.kill('SIGTERM');
  await sleep(400);
  gateway.process.kill('SIGTERM');
  assert.equal((await gateway.exit()).code, 0);
});

/** Workers that hang: they are noticed, told apart from busy machines, killed and replaced. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestControl } from '../../src/primary/control/client.ts';
import { whyNotHealthy } from '../../src/primary/status/readiness.ts';
import type { Pool } from '../../src/primary/workers/pool.ts';
import { Silence } from '../../src/primary/workers/heartbeats.ts';
import {
  ask,
  entry,
  isAlive,
  type StandInConfig,
  type StandInGateway,
  start,
} from '../support/primary-gateway.ts';
import { eventually } from '../support/eventually.ts';

const quick = { supervision: { heartbeat_timeout: 1500 } };

async function probe(gateway: StandInGateway, path: string): Promise<[number, string]> {
  const { status, body } = await requestControl(gateway.socket, 'GET', path);
  return [status, body as string];
}

async function workersOf(gateway: StandInGateway): Promise<number[]> {
  return (await gateway.status()).workers.map(({ pid }) => pid);
}

/** Sends a request that keeps the worker that gets it busy for ever. */
function block(t: TestContext, port: number): void {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('GET /loop HTTP/1.1\r\nHost: a\r\n\r\n');
  t.after(() => socket.destroy());
}

test('a worker in an endless loop is killed and replaced', async (t) => {
  const gateway = await start(t, { entry: [entry('a')], ...quick }, { workers: 1 });
  const port = await gateway.port('a');
  const [before = 0] = await workersOf(gateway);
  block(t, port);
  await eventually('the probe to refuse', async () => (await probe(gateway, '/readyz'))[0] === 503);
  assert.deepEqual(await probe(gateway, '/readyz'), [503, 'no worker serves\n']);
  assert.deepEqual(await probe(gateway, '/healthz'), [200, 'ok\n'], 'it will recover');
  const status = await gateway.status();
  assert.deepEqual([status.state, status.workers[0]?.stage], ['not serving', 'unresponsive']);
  assert.match((await probe(gateway, '/metrics'))[1], /^evergate_ready 0$/m);
  await eventually('its end', () => !isAlive(before));
  assert.equal((await ask(port)).status, 200);
  assert.deepEqual(await probe(gateway, '/readyz'), [200, 'ready\n']);
  assert.match((await probe(gateway, '/metrics'))[1], /^evergate_worker_hangs_total 1$/m);
  assert.match(gateway.output, /blocked by a computation.*worker does not respond/);
  assert.match(gateway.output, /worker has not responded for 1.5 s; killing it/);
});

test('a stopped worker is killed and replaced; the other one keeps the gateway ready', async (t) => {
  const gateway = await start(t, { entry: [entry('a')], ...quick });
  const [stopped = 0, other = 0] = await workersOf(gateway);
  process.kill(stopped, 'SIGSTOP');
  await eventually('its end', async () => {
    assert.equal((await probe(gateway, '/readyz'))[0], 200);
    return !isAlive(stopped);
  });
  await eventually('two workers', async () => {
    const { workers } = await gateway.status();
    return workers.length === 2 && workers.every(({ stage }) => stage === 'ready');
  });
  assert.ok((await workersOf(gateway)).includes(other), 'the other one is left alone');
  assert.match(gateway.output, /the process is stopped/);
});

test('a worker that is stopped for a moment is left alone', async (t) => {
  const supervision = { heartbeat_timeout: 60_000 };
  const gateway = await start(t, { entry: [entry('a')], supervision }, { workers: 1 });
  const [worker = 0] = await workersOf(gateway);
  process.kill(worker, 'SIGSTOP');
  await eventually('the probe to refuse', async () => (await probe(gateway, '/readyz'))[0] === 503);
  process.kill(worker, 'SIGCONT');
  await eventually('the probe to agree', async () => (await probe(gateway, '/readyz'))[0] === 200);
  assert.deepEqual(await workersOf(gateway), [worker]);
  assert.match(gateway.output, /worker responds again/);
});

test('the connections that wait for a worker that does not respond are accepted by others', async (t) => {
  const supervision = { heartbeat_timeout: 600_000 };
  const gateway = await start(t, { entry: [entry('a')], supervision }, { workers: 3 });
  const port = await gateway.port('a');
  const [stopped = 0, ...others] = await workersOf(gateway);
  process.kill(stopped, 'SIGSTOP');
  t.after(() => isAlive(stopped) && process.kill(stopped, 'SIGKILL'));
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask(port)));
  for (const { pid } of answers) assert.ok(others.includes(pid));
});

test('the connections that wait for a worker that cannot be replaced are accepted by others', async (t) => {
  const gateway = await start(t, { entry: [entry('a')] }, { workers: 2 });
  const port = await gateway.port('a');
  const [killed = 0, other] = await workersOf(gateway);
  gateway.breakProgram();
  process.kill(killed, 'SIGKILL');
  await eventually('its end', () => !isAlive(killed));
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask(port)));
  for (const { pid } of answers) assert.equal(pid, other);
  gateway.mendProgram();
  await eventually('both', async () => (await workersOf(gateway)).length === 2);
});

test('workers are left alone by a primary that was itself stopped', async (t) => {
  const gateway = await start(t, { entry: [entry('a')], ...quick });
  const before = await workersOf(gateway);
  gateway.process.kill('SIGSTOP');
  await sleep(3000);
  gateway.process.kill('SIGCONT');
  await eventually('its answer', async () => (await probe(gateway, '/readyz'))[0] === 200);
  assert.deepEqual(await workersOf(gateway), before);
});

test('a worker that hangs while it drains is killed, and a reload does not wait for it', async (t) => {
  const config: StandInConfig = {
    entry: [entry('a', {}, { drain: { idle: 60_000, timeout: 60_000 } })],
    ...quick,
  };
  const gateway = await start(t, config, { workers: 1 });
  const port = await gateway.port('a');
  const [before = 0] = await workersOf(gateway);
  block(t, port);
  assert.equal((await gateway.reload()).status, 200);
  await eventually('its end', () => !isAlive(before));
  assert.equal((await ask(port)).status, 200);
});

test('without workers, and none to be had, probes tell the truth', async (t) => {
  const config = { entry: [entry('a')] };
  const gateway = await start(t, config, { workers: 2 });
  // From now on new workers end before they are ready.
  gateway.breakProgram();
  for (const pid of await workersOf(gateway)) process.kill(pid, 'SIGKILL');
  await eventually('the probe to refuse', async () => (await probe(gateway, '/readyz'))[0] === 503);
  const { state, not_ready } = await gateway.status();
  assert.deepEqual([state, not_ready], ['not serving', 'no worker serves']);
  assert.match((await probe(gateway, '/metrics'))[1], /workers\{state="serving"\} 0/);
  gateway.mendProgram();
  await eventually('the probe to agree', async () => (await probe(gateway, '/readyz'))[0] === 200);
});

test('silence counts for what a worker does with it', () => {
  const at = (state: string, processorMs: number) => () => ({ state, processorMs });
  const silence = new Silence();
  const look = (state: string, processorMs: number): number => {
    silence.look(1, 1000, at(state, processorMs));
    return silence.lasted;
  };
  assert.equal(look('S', 0), 0, 'it was heard since the look before');
  assert.equal(look('S', 0), 1000, 'blocked in the system');
  assert.equal(look('T', 0), 2000, 'stopped');
  assert.equal(look('R', 0), 2000, 'waits for a processor');
  assert.equal(look('R', 300), 2300, 'had one for a part of the time');
  silence.end();
  assert.equal(look('R', 900), 0);
});

test('a gateway that gets no workers for a minute asks to be started anew', () => {
  const after = (unservedMs: number): string | null => whyNotHealthy({ unservedMs } as Pool);
  assert.equal(after(59_000), null);
  assert.equal(after(61_000), 'no worker has served for 61 s');
});

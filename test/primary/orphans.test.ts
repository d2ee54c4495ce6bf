/** The death of the primary: its workers serve on, and a new primary takes their place. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { evergate } from '../support/program.ts';
import {
  ask,
  Clients,
  entry,
  isAlive,
  launch,
  type StandInConfig,
  type StandInGateway,
  start,
} from '../support/primary-gateway.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Ends with the test whatever is left of the gateway's workers. */
async function workersOf(t: TestContext, gateway: StandInGateway): Promise<number[]> {
  const pids = (await gateway.status()).workers.map(({ pid }) => pid);
  t.after(() => {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  return pids;
}

const lasting = { supervision: { orphan_timeout: 60_000 } };

for (const reuse_port of [true, false]) {
  test(`workers serve on without a primary until another one takes over (reuse_port ${reuse_port})`, async (t) => {
    const port = await freePort();
    const config: StandInConfig = { entry: [entry('a', { port, reuse_port })], ...lasting };
    const gateway = await start(t, config);
    const before = await workersOf(t, gateway);
    await gateway.killPrimary();
    // Also a limit that only the primary knew is shared out.
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(port)));
    for (const { status, pid } of answers) assert.ok(status === 200 && before.includes(pid));
    const clients = new Clients(t, port, 4);
    const next = await start(t, config, { folder: gateway.folder });
    await eventually('the workers before to end', () => !before.some(isAlive));
    const after = await workersOf(t, next);
    await eventually('answers of the new ones', async () => after.includes((await ask(port)).pid));
    await clients.stop();
    if (reuse_port) assert.deepEqual(clients.failures, []);
    assert.match(next.output, /a primary has died; taking over from 2 workers/);
  });
}

test('workers without a primary drain when their time is over', async (t) => {
  const config = { entry: [entry('a')], supervision: { orphan_timeout: 1000 } };
  const gateway = await start(t, config);
  const port = await gateway.port('a');
  const workers = await workersOf(t, gateway);
  await gateway.killPrimary();
  assert.equal((await ask(port)).status, 200);
  await eventually('their end', () => !workers.some(isAlive));
  assert.match(gateway.output, /no primary has taken over; draining/);
});

test('TERM has a worker without a primary drain', async (t) => {
  const gateway = await start(t, { entry: [entry('a')], ...lasting });
  const workers = await workersOf(t, gateway);
  await gateway.killPrimary();
  await eventually(
    'the log to say so',
    () => gateway.output.split('the primary is gone').length === 3,
  );
  for (const pid of workers) process.kill(pid, 'SIGTERM');
  await eventually('their end', () => !workers.some(isAlive));
});

test('"evergate stop" ends workers without a primary', async (t) => {
  const gateway = await start(t, { entry: [entry('a')], ...lasting });
  const workers = await workersOf(t, gateway);
  await gateway.killPrimary();
  const { code, stdout } = await evergate(['stop', '--socket', gateway.socket]);
  assert.deepEqual([code, stdout], [0, 'stopped\n']);
  await eventually('the system to have noticed', () => !workers.some(isAlive));
  const again = await evergate(['stop', '--socket', gateway.socket]);
  assert.equal(again.code, 1);
});

test('a new primary kills workers without a primary that do not respond', async (t) => {
  const port = await freePort();
  const config: StandInConfig = { entry: [entry('a', { port, reuse_port: false })], ...lasting };
  const gateway = await start(t, config);
  const before = await workersOf(t, gateway);
  process.kill(before[0] ?? 0, 'SIGSTOP');
  await gateway.killPrimary();
  const next = await start(t, config, { folder: gateway.folder });
  await eventually('the end of both', () => !before.some(isAlive));
  assert.equal((await ask(await next.port('a'))).status, 200);
});

test('nobody is left for good: not even a worker that hangs, without a new primary', async (t) => {
  const quick = entry('a', {}, { drain: { idle: 100, timeout: 100 } });
  const gateway = await start(
    t,
    { entry: [quick], supervision: { orphan_timeout: 500, heartbeat_timeout: 0 } },
    { workers: 1 },
  );
  const [worker = 0] = await workersOf(t, gateway);
  const guards = guardsOf(gateway.pid);
  assert.equal(guards.length, 1);
  const socket = connect(await gateway.port('a'), '127.0.0.1');
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  socket.write('GET /loop HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually('it to hang', async () => (await gateway.status()).workers[0]?.memory === null);
  await gateway.killPrimary();
  await eventually('its end', () => !isAlive(worker));
  await eventually('the end of the guard', () => !guards.some(isAlive));
});

test('a gateway that stops leaves no guard and no record', async (t) => {
  const gateway = await start(t, { entry: [entry('a')] });
  const guards = guardsOf(gateway.pid);
  assert.equal(guards.length, 1);
  assert.ok(readdirSync(gateway.data).includes('workers.json'));
  await gateway.stop();
  await eventually('its end', () => !guards.some(isAlive));
  assert.ok(!readdirSync(gateway.data).includes('workers.json'));
});

test('a process that has the id of a worker by chance is left alone', async (t) => {
  const folder = temporaryFolder(t);
  const config: StandInConfig = { entry: [entry('a')], ...lasting };
  const gateway = await start(t, config, { folder });
  const workers = await workersOf(t, gateway);
  await gateway.killPrimary();
  const recorded = workers.map((pid) => ({ pid, startedAt: '1' }));
  writeFileSync(`${gateway.data}/workers.json`, JSON.stringify(recorded));
  const next = await launch(t, config, { folder }).ready();
  assert.ok(workers.every(isAlive));
  assert.doesNotMatch(next.output, /taking over/);
});

function guardsOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ');
  return children
    .map(Number)
    .filter((child) => readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('guard'));
}

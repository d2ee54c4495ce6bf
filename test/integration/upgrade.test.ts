/** The program is replaced, perhaps by another version, while clients keep asking it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AddressInfo, connect, createServer } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestControl } from '../../src/primary/control/client.ts';
import type { ReloadRecord } from '../../src/primary/reload/record.ts';
import { ask, PersistentClients } from '../support/clients.ts';
import {
  type GatewayOptions,
  launchGateway,
  startBackend,
  type TestGateway,
} from '../support/gateway.ts';
import { InstalledPrograms } from '../support/program-copy.ts';
import { cli } from '../support/program-path.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { RawConnection } from '../support/raw-connection.ts';

const run = promisify(execFile);

const greeting = (message = 'hello', { reuse_port = true, limit = 10_000, idle = '2s' } = {}) => `
configs.auto_reload: false
entry:
  - name: main
    router: main
    max_concurrency: ${limit}
    network: { binding: "127.0.0.1:0", reuse_port: ${reuse_port} }
    drain: { idle: ${idle}, timeout: 20s }
router:
  - name: main
    default_flow: hello
flow:
  - name: hello
    filter: [{ echo: { message: "${message}" } }]
`;

/** Starts a gateway; who runs in its place at the end of the test ends before its folder does. */
async function start(t: TestContext, configuration: string, options: GatewayOptions = {}) {
  let gateway: TestGateway | null = null;
  t.after(() => gateway && endWhoeverRuns(gateway));
  gateway = launchGateway(t, configuration, options);
  return gateway.ready();
}

async function endWhoeverRuns(gateway: TestGateway): Promise<void> {
  for (;;) {
    const status = await gateway.status().catch(() => null);
    if (!status) return;
    const { pid } = status;
    process.kill(pid, 'SIGTERM');
    await sleep(300);
    if (isAlive(pid)) process.kill(pid, 'SIGTERM');
    await eventually('its end', () => !isAlive(pid));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  } catch {
    return [];
  }
}

async function upgrade(gateway: TestGateway): Promise<{ status: number; record: ReloadRecord }> {
  const { status, body } = await requestControl(gateway.socket, 'POST', '/upgrade');
  return { status, record: body as ReloadRecord };
}

async function upgraded(gateway: TestGateway): Promise<number> {
  const { status, record } = await upgrade(gateway);
  assert.equal(status, 200, JSON.stringify(record));
  return (await gateway.status()).pid;
}

suite('upgrade', () => {
  for (const [reuse_port, workers] of [
    [true, 2],
    [false, 1],
  ] as const) {
    test(`three in a row, no client notices (reuse_port ${reuse_port}, ${workers} workers)`, async (t) => {
      const pidFile = join(temporaryFolder(t), 'pid');
      const args = ['--workers', `${workers}`, '--pid-file', pidFile];
      const gateway = await start(t, greeting('hello', { reuse_port }), { args });
      const origin = await gateway.origin('main');
      const clients = new PersistentClients(t, origin, 8, ({ status, body }) => {
        assert.equal(status, 200);
        assert.equal(body, 'hello');
      });
      await clients.more(50);
      const pids = [gateway.pid];
      for (let round = 0; round < 3; round++) {
        const pid = await upgraded(gateway);
        assert.ok(!pids.includes(pid), `${pid} is not new`);
        assert.equal(readFileSync(pidFile, 'utf8'), `${pid}\n`);
        pids.push(pid);
        await clients.more(50);
      }
      assert.deepEqual(await gateway.ended(), { code: 0, signal: null });
      const { failures, answered } = await clients.stop();
      assert.deepEqual(failures, [], `of ${answered}`);
      const last = pids.pop() ?? 0;
      await eventually('the others to end', () => !pids.some(isAlive));
      const status = await gateway.status();
      assert.equal(status.pid, last);
      assert.equal(status.workers.length, workers);
      assert.deepEqual(status.draining, []);
      assert.equal(status.entries[0]?.total, answered, 'counts go on');
      assert.deepEqual(
        status.reloads.map(({ generation, trigger, result }) => [generation, trigger, result]),
        [
          [1, 'start', 'done'],
          [2, 'upgrade', 'done'],
          [3, 'upgrade', 'done'],
          [4, 'upgrade', 'done'],
        ],
      );
    });
  }

  test('to another version, by the command line and by a signal', async (t) => {
    const programs = new InstalledPrograms(temporaryFolder(t));
    programs.install('7.0.1').install('7.0.2').install('7.0.3').use('7.0.1');
    const gateway = await start(t, greeting('before'), { cli: programs.cli });
    const origin = await gateway.origin('main');
    assert.equal((await gateway.status()).version, '7.0.1');
    const clients = new PersistentClients(t, origin, 4, ({ status }) => assert.equal(status, 200));

    programs.use('7.0.2');
    gateway.write(greeting('after'));
    const { stdout } = await run(process.execPath, [programs.cli, 'upgrade', '-c', gateway.file]);
    const second = await gateway.status();
    assert.equal(stdout, `upgraded: version 7.0.2 runs as process ${second.pid}\n`);
    assert.equal((await ask(origin)).body, 'after');

    programs.use('7.0.3');
    process.kill(second.pid, 'SIGUSR2');
    await eventually('the third', async () => (await gateway.status()).version === '7.0.3');
    // It reloads like any other.
    gateway.write(greeting('last'));
    assert.equal((await gateway.reload()).status, 200);
    assert.equal((await ask(origin)).body, 'last');
    const { failures, answered } = await clients.stop();
    assert.deepEqual(failures, [], `of ${answered}`);
    assert.equal((await gateway.status()).generation, 4);
    await run(process.execPath, [programs.cli, 'stop', '-c', gateway.file]);
    assert.ok(!existsSync(gateway.socket));
  });

  test('over the version that runs: no worker of another serves under it', async (t) => {
    const programs = new InstalledPrograms(temporaryFolder(t)).install('7.0.1');
    const gateway = await start(t, greeting('before'), {
      cli: programs.cliOf('7.0.1'),
      args: ['--workers', '1'],
    });
    const origin = await gateway.origin('main');
    const before = await gateway.status();
    programs.installOver('7.0.1', '7.0.2');
    gateway.write(greeting('after'));
    const { status, body } = await gateway.reload();
    assert.equal(status, 409);
    assert.match(
      (body as ReloadRecord).problems.join(),
      /version 7\.0\.2 is installed but 7\.0\.1 is running; run "evergate upgrade"/,
    );
    assert.equal((await ask(origin)).body, 'before');

    // A worker that is lost can only be replaced together with the primary.
    const [worker] = before.workers;
    assert.ok(worker);
    process.kill(worker.pid, 'SIGKILL');
    assert.equal((await ask(origin)).body, 'after');
    const { pid, version } = await eventually('the new version', async () => {
      const now = await gateway.status();
      return now.pid === before.pid ? null : now;
    });
    assert.notEqual(pid, before.pid);
    assert.equal(version, '7.0.2');
    assert.equal((await gateway.reload()).status, 200);
  });

  test('to a version that does not come up, or is not there: all goes on', async (t) => {
    const programs = new InstalledPrograms(temporaryFolder(t));
    programs.install('1.0.0').install('2.0.0').use('1.0.0');
    const broken = programs.cliOf('2.0.0');
    const pidFile = join(temporaryFolder(t), 'pid');
    const gateway = await start(t, greeting(), {
      cli: programs.cli,
      args: ['--workers', '2', '--pid-file', pidFile],
    });
    const origin = await gateway.origin('main');
    const clients = new PersistentClients(t, origin, 4, ({ status }) => assert.equal(status, 200));
    programs.use('2.0.0');
    for (const [program, reason] of [
      ['process.exitCode = 3;', /the new program ended with code 3/],
      ["import './missing.ts';", /ended with code 1: .*Cannot find module .*missing\.ts/],
      [`process.kill(process.pid, 'SIGKILL');`, /the new program ended by SIGKILL/],
    ] as const) {
      writeFileSync(broken, program);
      const { status, record } = await upgrade(gateway);
      assert.equal(status, 409);
      assert.match(record.problems.join(), reason);
    }
    for (const line of gateway.output.trim().split('\n')) JSON.parse(line);
    programs.use('3.0.0');
    const { record } = await upgrade(gateway);
    assert.match(
      record.problems.join(),
      /there is no program at .*current.(?:src|dist).cli\.[jt]s any more/,
    );
    await clients.more(20);
    const { failures } = await clients.stop();
    assert.deepEqual(failures, []);
    const { pid, reloads, generation } = await gateway.status();
    assert.equal(pid, gateway.pid);
    assert.equal(generation, 1);
    assert.equal(reloads.length, 5);
    assert.deepEqual(reloads.at(-1)?.result, 'refused');
    assert.equal(readFileSync(pidFile, 'utf8'), `${pid}\n`);
    programs.use('1.0.0');
    assert.notEqual(await upgraded(gateway), pid);
  });

  test('counts what nodes were given on', async (t) => {
    const backend = await startBackend(t, (_request, response) => void response.end('hello'));
    const filter = 'elasticsearch: { elasticsearch: prod }';
    const gateway = await start(
      t,
      `${greeting().replace('echo: { message: "hello" }', filter)}
elasticsearch: [{ name: prod, endpoint: "${backend.origin}", health_check.enabled: false }]`,
    );
    const origin = await gateway.origin('main');
    const requests = async (): Promise<unknown> =>
      (await gateway.status()).clusters.map(({ nodes }) => nodes[0]?.requests);
    for (let i = 0; i < 5; i++) assert.equal((await ask(origin)).status, 200);
    assert.deepEqual(await requests(), [5]);
    await upgraded(gateway);
    assert.deepEqual(await requests(), [5], 'while the workers before drain');
    await gateway.ended();
    assert.equal((await ask(origin)).status, 200);
    assert.deepEqual(await requests(), [6]);
  });

  test('with a broken configuration: the asker is told the place', async (t) => {
    // The program that failed ends by itself, or the next upgrade would wait for so long.
    const configuration = greeting().replace('timeout: 20s', 'timeout: 10m');
    const gateway = await start(t, configuration);
    gateway.write(configuration.replace('default_flow', 'defautl_flow'));
    const { status, record } = await upgrade(gateway);
    assert.equal(status, 409);
    assert.match(record.problems.join(), /evergate\.yml:\d+:\d+: router\[0\]\.defautl_flow/);
    const failed = await run(process.execPath, [cli, 'upgrade', '--socket', gateway.socket]).catch(
      (error: { code: number; stderr: string }) => error,
    );
    assert.match(failed.stderr, /defautl_flow/);
    assert.equal((await ask(await gateway.origin('main'))).body, 'hello');
    assert.equal((await gateway.status()).pid, gateway.pid);
  });

  test('a connection that one primary holds counts for the limit of the next', async (t) => {
    const gateway = await start(
      t,
      greeting('hello', { limit: 4, idle: '3m' }).replace('timeout: 20s', 'timeout: 3m'),
    );
    const origin = await gateway.origin('main');
    const port = await gateway.port('main');
    const held = await Promise.all([1, 2, 3].map(() => RawConnection.connect(t, port)));
    const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
    for (const client of held) client.send(get);
    await Promise.all(held.map((client) => client.until(/hello/)));
    await upgraded(gateway);
    // The kernel may have given all three to one worker; the other has gone then.
    assert.ok((await gateway.status()).draining.length > 0);
    const fourth = await RawConnection.connect(t, port);
    fourth.send(get);
    await fourth.until(/hello/);
    const fifth = await RawConnection.connect(t, port);
    fifth.send(get);
    assert.match(await fifth.until(/\r\n/), /503/);
    const { entries } = await gateway.status();
    assert.equal(entries[0]?.connections, 4);
    assert.equal(entries[0]?.refused, 1);
    for (const client of held) client.socket.destroy();
    await gateway.ended();
    const more = await Promise.all([1, 2, 3].map(() => RawConnection.connect(t, port)));
    for (const client of more) client.send(get);
    await Promise.all(more.map((client) => client.until(/hello/)));
    assert.equal((await ask(origin)).status, 503);
  });

  test('the connections of one client address count over both primaries', async (t) => {
    const perAddress = greeting('hello', { idle: '3m' })
      .replace('timeout: 20s', 'timeout: 3m')
      .replace('router: main', 'router: main\n    max_conns_per_ip: 3');
    const gateway = await start(t, perAddress);
    const port = await gateway.port('main');
    const from = async (localAddress: string): Promise<RawConnection> => {
      const socket = connect({ port, host: '127.0.0.1', localAddress });
      t.after(() => socket.destroy());
      const client = new RawConnection(socket);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.until(/\r\n\r\n/);
      return client;
    };
    const isServed = ({ received }: RawConnection): boolean => received.startsWith('HTTP/1.1 200 ');
    const isRefused = ({ received }: RawConnection): boolean =>
      received.startsWith('HTTP/1.1 429 ');
    const held = [await from('127.0.0.1'), await from('127.0.0.1')];
    assert.ok(held.every(isServed));
    await upgraded(gateway);
    const third = await from('127.0.0.1');
    assert.ok(isServed(third), third.received);
    assert.ok(isRefused(await from('127.0.0.1')));
    for (let i = 0; i < 3; i++) assert.ok(isServed(await from('127.0.0.2')));
    assert.ok(isRefused(await from('127.0.0.2')));
    // What is given up under either is there for the next, and no more than that.
    for (const gone of [third, held[0]]) {
      gone?.socket.destroy();
      await eventually('a connection in its place', async () => isServed(await from('127.0.0.1')));
      assert.ok(isRefused(await from('127.0.0.1')));
    }
    assert.ok(!held[1]?.ended);
    held[1]?.socket.destroy();
    await gateway.ended();
    await eventually('a connection in its place', async () => isServed(await from('127.0.0.1')));
    assert.ok(isRefused(await from('127.0.0.1')));
  });

  test('of a primary that is killed meanwhile: its workers drain once the new ones serve', async (t) => {
    const gateway = await start(t, greeting());
    const origin = await gateway.origin('main');
    const before = (await gateway.status()).workers.map(({ pid }) => pid);
    const clients = new PersistentClients(t, origin, 4, ({ status }) => assert.equal(status, 200));
    await clients.more(20);
    void upgrade(gateway).catch(() => {});
    await eventually('the new program', () => gateway.output.includes('upgrading'));
    // It has got the sockets already.
    const successor = childrenOf(gateway.pid).at(-1) ?? 0;
    const isAssigned = (pid: number): boolean =>
      existsSync(`/proc/${pid}`) &&
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('(generation 2)');
    await eventually('its workers', () => childrenOf(successor).some(isAssigned));
    gateway.process.kill('SIGKILL');
    await eventually('another primary', async () => {
      const status = await gateway.status().catch(() => null);
      return status !== null && status.pid !== gateway.pid;
    });
    await eventually('the end of the workers before', () => !before.some(isAlive));
    const { failures } = await clients.stop();
    assert.deepEqual(failures, []);
    assert.equal((await ask(origin)).body, 'hello');
  });

  test('that fails when the new workers serve: no client notices, nor do the old workers', async (t) => {
    const pidFolder = join(temporaryFolder(t), 'run');
    mkdirSync(pidFolder);
    const gateway = await start(t, greeting(), {
      args: ['--workers', '2', '--pid-file', join(pidFolder, 'pid')],
    });
    const origin = await gateway.origin('main');
    const before = await gateway.status();
    const clients = new PersistentClients(t, origin, 4, ({ status }) => assert.equal(status, 200));
    // What a successor does last: its workers have clients by then, and end well.
    rmSync(pidFolder, { recursive: true });
    for (let round = 0; round < 2; round++) {
      const { status, record } = await upgrade(gateway);
      assert.equal(status, 409);
      assert.match(record.problems.join(), /cannot write the pid file/);
    }
    await clients.more(20);
    const { failures } = await clients.stop();
    assert.deepEqual(failures, []);
    const after = await gateway.status();
    assert.deepEqual(
      after.workers.map(({ pid }) => pid),
      before.workers.map(({ pid }) => pid),
    );
    assert.doesNotMatch(gateway.output, /stopping at once/);
  });

  test('that fails when the limits are known: those that were in force hold again', async (t) => {
    const limited = (most: number): string =>
      greeting('hello', { idle: '3m' }).replace(
        'router: main',
        `router: main\n    max_conns_per_ip: ${most}`,
      );
    const gateway = await start(t, limited(2));
    const port = await gateway.port('main');
    // The successor knows its configuration, and then finds its address taken.
    const occupied = createServer().listen(0, '127.0.0.1');
    t.after(() => occupied.close());
    await once(occupied, 'listening');
    const { port: taken } = occupied.address() as AddressInfo;
    gateway.write(
      limited(3).replace(
        '127.0.0.1:0", reuse_port: true',
        `127.0.0.1:${taken}", reuse_port: false`,
      ),
    );
    const { status, record } = await upgrade(gateway);
    assert.equal(status, 409);
    assert.match(record.problems.join(), /in use by another program/);
    const answers: string[] = [];
    for (let i = 0; i < 3; i++) {
      const client = await RawConnection.connect(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      answers.push((await client.until(/\r\n\r\n/)).slice(0, 12));
    }
    assert.deepEqual(answers, ['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 429']);
  });

  test('addresses come and go with it', async (t) => {
    const two = (first: string, second: string): string =>
      greeting().replace(
        /entry:[^]*?(?=router:\n)/,
        `entry:\n${[first, second]
          .map((name) => `  - { name: ${name}, router: main, network.binding: "127.0.0.1:0" }\n`)
          .join('')}`,
      );
    const gateway = await start(t, two('a', 'b'));
    const kept = await gateway.origin('b');
    const gone = await gateway.port('a');
    gateway.write(two('b', 'c'));
    await upgraded(gateway);
    assert.equal(await gateway.origin('b'), kept);
    assert.equal((await ask(await gateway.origin('c'))).status, 200);
    await gateway.ended();
    await assert.rejects(ask(`http://127.0.0.1:${gone}`), { code: 'ECONNREFUSED' });
    assert.equal((await ask(kept)).status, 200);
  });
});

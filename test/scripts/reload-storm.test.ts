/** The storm's own eyes: that its clients see every way in which a server can fail them. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type Question } from '../../scripts/reload-storm/client.ts';
import { now } from '../../scripts/reload-storm/clock.ts';
import type { ClientConnection } from '../../scripts/reload-storm/connection.ts';
import { judgeStorm } from '../../scripts/reload-storm/findings.ts';
import { acceptedBy, type Killing, killWorker } from '../../scripts/reload-storm/ownership.ts';
import { freePort } from '../../scripts/free-port.ts';
import type { StormResult } from '../../scripts/reload-storm/storm.ts';
import { type FailureRecord, Tally } from '../../scripts/reload-storm/tally.ts';

/** Answers what has come in one chunk, in its own way. */
type Behaviour = (socket: Socket, ids: string[]) => unknown;

function ok(id: string, body = id, more = ''): string {
  return `HTTP/1.1 200 OK\r\nX-Storm-Id: ${id}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
}

async function serve(
  t: TestContext,
  behave: Behaviour,
  greet: (socket: Socket) => unknown = () => {},
): Promise<{ client: Client; tally: Tally }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    greet(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const ids = [...chunk.toString().matchAll(/X-Storm-Id: (\S+)/g)].map(([, id = '']) => id);
      behave(socket, ids);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const tally = new Tally();
  tally.enter('before', ['test']);
  const { port } = server.address() as AddressInfo;
  return { client: new Client('test', 0, port, tally, () => true), tally };
}

function question(client: Client): Question {
  const id = client.nextId();
  return {
    id,
    bytes: `GET / HTTP/1.1\r\nHost: storm\r\nX-Storm-Id: ${id}\r\n\r\n`,
    check: ({ body }) => (body.toString() === id ? null : 'another body'),
  };
}

async function connected(client: Client): Promise<ClientConnection> {
  return (await client.connect()) ?? assert.fail('no connection');
}

suite('a client of the storm', { concurrency: true }, () => {
  const failing: [string, string, Behaviour][] = [
    ['reset', 'a reset', (socket) => socket.resetAndDestroy()],
    ['eof', 'an end', (socket) => socket.end()],
    ['truncated', 'half a head', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-')],
    ['truncated', 'half a body', (socket, [id = '']) => socket.end(ok(id).slice(0, -1))],
    [
      'truncated',
      'a last chunk missing',
      (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'),
    ],
    ['wrong', 'the answer to another request', (socket) => socket.write(ok('other'))],
    ['wrong', 'another body', (socket, [id = '']) => socket.write(ok(id, 'other'))],
    ['wrong', 'no HTTP', (socket) => socket.write('SSH-2.0-OpenSSH\r\n\r\n')],
    ['5xx', '502', (socket) => socket.write('HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n')],
    ['status', '404', (socket) => socket.write('HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n')],
    ['hang', 'silence', () => {}],
  ];
  for (const [kind, what, behave] of failing) {
    test(`counts ${what} as ${kind}`, async (t) => {
      const { client, tally } = await serve(t, behave);
      assert.equal(await client.ask(await connected(client), question(client)), false);
      assert.deepEqual(
        tally.failures.map((failure) => failure.kind),
        [kind],
      );
      assert.ok((tally.failures[0]?.port ?? 0) > 0);
    });
  }

  test('counts a refused connection', async () => {
    const tally = new Tally();
    const client = new Client('test', 0, await freePort(), tally, () => true);
    assert.equal(await client.connect(), null);
    assert.equal(tally.failures[0]?.kind, 'refused');
  });

  test('finds nothing wrong with right answers, however they are cut and framed', async (t) => {
    const { client, tally } = await serve(t, async (socket, [id = '']) => {
      const text = `HTTP/1.1 200 OK\r\nX-Storm-Id: ${id}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n${id[0]}\r\n${(id.length - 1).toString(16)};x=y\r\n${id.slice(1)}\r\n0\r\nA: b\r\n\r\n`;
      for (const byte of `HTTP/1.1 100 Continue\r\n\r\n${text}`) {
        socket.write(byte);
        await new Promise(setImmediate);
      }
    });
    const connection = await connected(client);
    for (let i = 0; i < 3; i += 1) {
      assert.equal(await client.ask(connection, question(client)), true);
    }
    assert.equal(connection.usable, true);
    assert.deepEqual(tally.failures, []);
    assert.equal(tally.report(0).clients.test?.before.answered, 3);
  });

  test('leaves a connection that is announced to close', async (t) => {
    const { client } = await serve(t, (socket, [id = '']) => {
      socket.write(ok(id, id, 'Connection: close\r\n'));
    });
    const connection = await connected(client);
    assert.equal(await client.ask(connection, question(client)), true);
    assert.equal(connection.usable, false);
    assert.notEqual(await client.reuse(connection), connection);
  });

  test('notices an end that arrived while it was thinking', async (t) => {
    const { client, tally } = await serve(t, (socket, [id = '']) => socket.end(ok(id)));
    const connection = await connected(client);
    assert.equal(await client.ask(connection, question(client)), true);
    await client.think(50, 50);
    assert.equal(connection.usable, false);
    assert.deepEqual(tally.failures, []);
  });

  test('counts a reset of an idle connection apart', async (t) => {
    const { client, tally } = await serve(t, (socket, [id = '']) => {
      socket.write(ok(id), () => setTimeout(() => socket.resetAndDestroy(), 20));
    });
    const connection = await connected(client);
    assert.equal(await client.ask(connection, question(client)), true);
    while (connection.usable) await client.think(10, 10);
    assert.deepEqual(
      tally.failures.map(({ kind }) => kind),
      ['idle-reset'],
    );
  });

  test('counts a connection that ended before its first request', async (t) => {
    const { client, tally } = await serve(
      t,
      () => {},
      (socket) => socket.end(),
    );
    const connection = await connected(client);
    while (connection.usable) await client.think(10, 10);
    assert.equal(await client.ask(connection, question(client)), false);
    assert.equal(tally.failures[0]?.kind, 'eof');
  });

  for (const [what, order, expected] of [
    ['in order', [0, 1, 2], []],
    ['out of order', [1, 0, 2], ['wrong', 'wrong']],
    ['in part', [0, 1], ['eof']],
  ] as const) {
    test(`sees pipelined requests answered ${what}`, async (t) => {
      const { client, tally } = await serve(t, (socket, ids) => {
        socket.end(order.map((index) => ok(ids[index] ?? '')).join(''));
      });
      const connection = await connected(client);
      const questions = [question(client), question(client), question(client)];
      const answers = questions.map((each) =>
        client.settle(connection, each, connection.next(), now()),
      );
      connection.write(questions.map(({ bytes }) => bytes).join(''));
      await Promise.all(answers);
      assert.deepEqual(
        tally.failures.map(({ kind }) => kind),
        expected,
      );
    });
  }
});

test('a killed worker takes only what it had accepted', async (t) => {
  const worker = fork(new URL('../../scripts/reload-storm/backend.ts', import.meta.url), {
    execArgv: [],
  });
  t.after(() => worker.kill('SIGKILL'));
  const [{ port }] = (await once(worker, 'message')) as [{ port: number }];
  const tally = new Tally();
  const client = new Client('test', 0, port, tally, () => true);
  const connection = await connected(client);
  const accepted = client.ask(connection, {
    id: 'accepted',
    bytes: 'GET /echo?delay=60000 HTTP/1.1\r\nHost: storm\r\nX-Storm-Id: accepted\r\n\r\n',
    check: () => null,
  });
  assert.ok(worker.pid);
  for (const deadline = performance.now() + 60_000; ; await sleep(5)) {
    if (acceptedBy(worker.pid, port).has(connection.localPort)) break;
    assert.ok(performance.now() < deadline, 'the connection was not accepted');
  }
  // While it is stopped, the kernel completes connections that it never accepts.
  worker.kill('SIGSTOP');
  const queued = await connected(client);
  const waiting = client.ask(queued, question(client));
  const killing = (await killWorker(worker.pid, port)) ?? assert.fail('not killed');
  await Promise.all([accepted, waiting]);

  assert.deepEqual([...killing.ports], [connection.localPort]);
  const { kinds, inexcusable } = judgeStorm(resultOf(tally.failures, killing));
  assert.deepEqual(
    inexcusable.map((failure) => failure.port),
    [queued.localPort],
  );
  assert.equal(kinds.test?.with.excused, 1);
});

test('a hang is never excused', () => {
  const killing = { pid: 1, at: 1000, ports: new Set([7, 8]), stopped: 1 };
  const failure: FailureRecord = {
    client: 'test',
    kind: 'hang',
    detail: '',
    port: 7,
    served: 0,
    openedAt: 900,
    sentAt: 950,
    at: 11_000,
  };
  const before = { ...failure, kind: 'reset', at: 990 } as const;
  const later = { ...failure, kind: 'reset', openedAt: 1001, at: 1100 } as const;
  const excused = { ...failure, kind: 'reset', at: 1001 } as const;
  const { inexcusable } = judgeStorm(resultOf([failure, before, later, excused], killing));
  assert.deepEqual(
    inexcusable.map(({ at }) => at),
    [11_000, 990, 1100],
  );
});

function resultOf(failures: readonly FailureRecord[], killing: Killing): StormResult {
  const nothing = { answered: 0, p50: 0, p99: 0, max: 0, gap: 0 };
  const report = {
    clients: { test: { before: nothing, with: nothing } },
    failures,
    ownDelay: 0,
  };
  return {
    target: 'evergate',
    title: 'Evergate',
    startedAt: 0,
    disturbedAt: 0,
    endedAt: now(),
    disturbances: [
      { kind: 'kill', at: killing.at, took: 1, uptake: null, killings: [killing], problem: null },
    ],
    skipped: {},
    clients: report,
    probe: { clients: {}, failures: [], ownDelay: 0 },
    problems: [],
    folder: null,
  };
}

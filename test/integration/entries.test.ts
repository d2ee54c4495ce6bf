/** Every row of an entry's parameter table, with its meaning, on real gateways. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { connect, createServer } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.ts';
import { ask } from '../support/clients.ts';
import { launchGateway, startBackend, startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { RawConnection } from '../support/raw-connection.ts';

const serving = (entries: string): string => `
configs.auto_reload: false
entry:
${entries}
router:
  - { name: default, default_flow: here }
  - { name: other, default_flow: there }
flow:
  - { name: here, filter: [{ echo: { message: here } }] }
  - { name: there, filter: [{ echo: { message: there } }] }
`;

async function occupy(t: TestContext, port: number, host = '127.0.0.1'): Promise<void> {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  t.after(() => server.close());
}

suite('entry', () => {
  test('router is `default` unless given; name and enabled count', async (t) => {
    const gateway = await startGateway(
      t,
      serving(`  - { name: plain, network.binding: "127.0.0.1:0" }
  - { name: named, router: other, network.binding: "127.0.0.1:0" }
  - { name: off, enabled: false, network.binding: "127.0.0.1:0" }`),
    );
    assert.equal((await ask(await gateway.origin('plain'))).body, 'here');
    assert.equal((await ask(await gateway.origin('named'))).body, 'there');
    const { entries } = await gateway.status();
    assert.deepEqual(
      entries.map(({ name }) => name),
      ['plain', 'named'],
    );
  });

  test('network.host and network.port', async (t) => {
    const port = await freePort('127.0.0.3');
    const gateway = await startGateway(
      t,
      serving(`  - { name: main, network: { host: 127.0.0.3, port: ${port} } }`),
    );
    assert.equal(await gateway.port('main'), port);
    assert.equal((await ask(`http://127.0.0.3:${port}`)).body, 'here');
    await assert.rejects(ask(`http://127.0.0.1:${port}`), /ECONNREFUSED/);
  });

  test('a host name in a binding', async (t) => {
    const gateway = await startGateway(
      t,
      serving('  - { name: main, network.binding: "localhost:0" }'),
    );
    assert.equal((await ask(await gateway.origin('main'))).body, 'here');
  });

  test('IPv6, and dual-stack [::]', async (t) => {
    const gateway = await startGateway(
      t,
      serving(`  - { name: six, network.binding: "[::1]:0" }
  - { name: both, network.binding: "[::]:0" }`),
    );
    assert.equal((await ask(await gateway.origin('six'))).body, 'here');
    const port = await gateway.port('both');
    assert.equal((await ask(`http://127.0.0.1:${port}`)).body, 'here');
    assert.equal((await ask(`http://[::1]:${port}`)).body, 'here');
  });

  test('an IPv6 address with a zone', async (t) => {
    const zoned = execFileSync('sh', ['-c', 'ip -6 -o addr show scope link 2>/dev/null || true'])
      .toString()
      .match(/^\d+: (\S+)\s+inet6 (fe80::[0-9a-f:]+)\//m);
    if (!zoned) {
      t.skip('this machine has no link-local IPv6 address');
      return;
    }
    const gateway = await startGateway(
      t,
      serving(`  - { name: main, network.binding: "[${zoned[2]}%${zoned[1]}]:0" }`),
    );
    const { entries } = await gateway.status();
    const port = Number(entries[0]?.addresses[0]?.match(/:(\d+)$/)?.[1]);
    const socket = connect({ host: `${zoned[2]}%${zoned[1]}`, port });
    t.after(() => socket.destroy());
    await once(socket, 'connect');
  });

  test('publish is the address told to the outside', async (t) => {
    const gateway = await startGateway(
      t,
      serving(
        '  - { name: main, network: { binding: "127.0.0.1:0", publish: "search.example.org:443" } }',
      ),
    );
    const { entries } = await gateway.status();
    assert.equal(entries[0]?.publish, 'search.example.org:443');
    assert.match(gateway.output, /search\.example\.org:443/);
  });

  test('skip_occupied_port takes the next free port, and says which', async (t) => {
    const port = await freePort();
    await occupy(t, port);
    const gateway = await startGateway(
      t,
      serving(
        `  - { name: main, network: { binding: "127.0.0.1:${port}", skip_occupied_port: true } }`,
      ),
    );
    const actual = await gateway.port('main');
    assert.ok(actual > port && actual < port + 50, `${actual} follows ${port}`);
    assert.equal((await ask(`http://127.0.0.1:${actual}`)).body, 'here');
    assert.match(gateway.output, new RegExp(`${port}.*${actual}|${actual}.*${port}`));
  });

  test('an occupied port is a clear error', async (t) => {
    const port = await freePort();
    await occupy(t, port);
    for (const reuse of [true, false]) {
      const gateway = launchGateway(
        t,
        serving(
          `  - { name: main, network: { binding: "127.0.0.1:${port}", reuse_port: ${reuse} } }`,
        ),
      );
      const { code } = await gateway.ended();
      assert.notEqual(code, 0);
      assert.match(gateway.output, new RegExp(`main.*127\\.0\\.0\\.1:${port}`));
    }
  });

  test('reuse_port: two gateways on one address; without it the second is refused', async (t) => {
    const port = await freePort();
    const on = (reuse: boolean): string =>
      serving(
        `  - { name: main, network: { binding: "127.0.0.1:${port}", reuse_port: ${reuse} } }`,
      );
    const first = await startGateway(t, on(true));
    const second = await startGateway(t, on(true).replace('message: here', 'message: second'));
    const seen = new Set<string>();
    for (let i = 0; i < 200 && seen.size < 2; i++) {
      seen.add((await ask(`http://127.0.0.1:${port}`)).body);
    }
    assert.deepEqual([...seen].sort(), ['here', 'second']);
    assert.equal((await second.stop()).code, 0);
    assert.equal((await first.stop()).code, 0);

    await startGateway(t, on(false));
    for (const reuse of [false, true]) {
      const refused = launchGateway(t, on(reuse));
      assert.notEqual((await refused.ended()).code, 0);
      assert.match(refused.output, new RegExp(`main.*127\\.0\\.0\\.1:${port}`));
    }
    assert.equal((await ask(`http://127.0.0.1:${port}`)).body, 'here');
  });

  test('max_concurrency is exact over all workers, refuses at once, and recovers', async (t) => {
    for (const reuse of [true, false]) {
      const gateway = await startGateway(
        t,
        serving(
          `  - { name: main, max_concurrency: 20, network: { binding: "127.0.0.1:0", reuse_port: ${reuse} } }`,
        ),
        { args: ['--workers', '3'] },
      );
      const port = await gateway.port('main');
      const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
      const held = [];
      for (let i = 0; i < 20; i++) {
        const client = await RawConnection.connect(t, port);
        client.send(get);
        await client.until(/here$/);
        held.push(client);
      }
      for (let i = 0; i < 5; i++) {
        const client = await RawConnection.connect(t, port);
        const begun = performance.now();
        client.send(get);
        const answer = await client.until(/\r\n\r\n/);
        assert.match(answer, /^HTTP\/1\.1 503 /);
        assert.match(answer, /^retry-after: \d+/im);
        assert.match(answer, /^connection: close/im);
        assert.ok(performance.now() - begun < 30_000);
        await client.untilClosed();
      }
      for (const client of held) {
        client.received = '';
        client.send(get);
        await client.until(/here$/);
      }
      for (const client of held.splice(0, 3)) client.socket.destroy();
      await eventually('room for a new connection', async () => {
        const { status } = await ask(`http://127.0.0.1:${port}`);
        return status === 200;
      });
      const { entries } = await gateway.status();
      assert.ok((entries[0]?.refused ?? 0) >= 5);
      await gateway.stop();
    }
  });

  test('max_concurrency counts the connections of draining workers', async (t) => {
    const gateway = await startGateway(
      t,
      serving(`  - name: main
    max_concurrency: 4
    drain: { idle: 50s }
    network.binding: "127.0.0.1:0"`),
    );
    const port = await gateway.port('main');
    const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
    const held = await Promise.all(Array.from({ length: 4 }, () => RawConnection.connect(t, port)));
    for (const client of held) {
      client.send(get);
      await client.until(/here$/);
    }
    assert.equal((await gateway.reload()).status, 200);
    assert.equal((await ask(`http://127.0.0.1:${port}`)).status, 503);
    for (const client of held) {
      client.received = '';
      client.send(get);
      assert.match(await client.until(/here$/), /^connection: close/im);
    }
    await eventually('room', async () => (await ask(`http://127.0.0.1:${port}`)).status === 200);
  });

  test('tls with given files', async (t) => {
    const folder = temporaryFolder(t);
    const command = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2
      -keyout ${folder}/key.pem -out ${folder}/cert.pem -subj /CN=localhost`;
    execFileSync('openssl', command.split(/\s+/), { stdio: 'ignore' });
    const gateway = await startGateway(
      t,
      serving(`  - name: main
    network.binding: "127.0.0.1:0"
    tls: { enabled: true, cert_file: cert.pem, key_file: key.pem }`),
      { folder },
    );
    const port = await gateway.port('main');
    const answered = Promise.withResolvers<string>();
    const agent = new HttpsAgent({ rejectUnauthorized: false });
    t.after(() => agent.destroy());
    httpsRequest({ host: '127.0.0.1', port, agent }, (response) => {
      response.setEncoding('utf8').once('data', answered.resolve);
    })
      .on('error', answered.reject)
      .end();
    assert.equal(await answered.promise, 'here');
  });
});

suite('crashes', () => {
  const config = (reuse: boolean): string =>
    serving(`  - { name: main, network: { binding: "127.0.0.1:0", reuse_port: ${reuse} } }`);

  for (const reuse of [true, false]) {
    test(`kill -9 of one worker and of all: queued connections are answered (reuse_port ${reuse})`, async (t) => {
      const gateway = await startGateway(t, config(reuse), { args: ['--workers', '2'] });
      const origin = await gateway.origin('main');
      const { workers } = await gateway.status();

      process.kill(workers[0]?.pid ?? 0, 'SIGKILL');
      for (let i = 0; i < 20; i++) assert.equal((await ask(origin)).body, 'here');

      const replaced = await eventually('a replacement', async () => {
        const status = await gateway.status();
        const ready = status.workers.filter(({ stage }) => stage === 'ready');
        return ready.length === 2 ? ready : null;
      });
      for (const { pid } of replaced) process.kill(pid, 'SIGKILL');
      const waiting = Array.from({ length: 50 }, () => ask(origin));
      for (const answer of await Promise.all(waiting)) assert.equal(answer.body, 'here');
      assert.equal(gateway.process.exitCode, null);
    });
  }

  test('workers whose primary was killed drain and go when they are told to: no orphans', async (t) => {
    const gateway = await startGateway(t, `${config(true)}\nsupervision.orphan_timeout: 0s`);
    const { workers } = await gateway.status();
    gateway.process.kill('SIGKILL');
    await eventually('the end of every worker', async () => {
      await sleep(20);
      return workers.every(({ pid }) => {
        try {
          process.kill(pid, 0);
          return false;
        } catch {
          return true;
        }
      });
    });
  });

  test('TERM and INT drain and exit 0; a response under way is finished', async (t) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const gateway = await startGateway(
        t,
        serving('  - { name: main, network.binding: "127.0.0.1:0" }')
          .replace('{ echo: { message: here } }', '{ http: { host: "BACKEND" } }')
          .replace('BACKEND', (await slowBackend(t)).slice(7)),
      );
      const asked = ask(await gateway.origin('main'));
      await eventually(
        'the request',
        async () => (await gateway.status()).entries[0]?.requests === 1,
      );
      gateway.process.kill(signal);
      assert.equal((await asked).body, 'slow');
      assert.equal((await gateway.ended()).code, 0);
    }
  });
});

async function slowBackend(t: TestContext): Promise<string> {
  const { origin } = await startBackend(t, (_request, response) => {
    setTimeout(() => response.end('slow'), 1000);
  });
  return origin;
}

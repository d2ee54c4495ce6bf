/** The HTTP API: what it answers, to whom, and that it outlives reloads and upgrades. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { basicAuth } from '../../src/http/basic-auth.ts';
import { requestControl } from '../../src/primary/control/client.ts';
import type { GatewayStatus } from '../../src/primary/status/types.ts';
import { ask, PersistentClients } from '../support/clients.ts';
import { startBackend, startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';

const hello = (api: string, filter = 'echo: { message: "hello" }'): string => `
configs.auto_reload: false
entry: [{ name: main, network: { binding: "127.0.0.1:0" }, drain: { idle: 200ms } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ ${filter} }] }]
api: { enabled: true, ${api} }
`;
const open = 'network: { binding: "127.0.0.1:0" }';
const guarded = `network: { binding: "0.0.0.0:0" }, security: { enabled: true, username: operator, password: hunter-api }`;

async function apiOf(gateway: TestGateway): Promise<string> {
  const { api } = await gateway.status();
  return `http://${(api?.address ?? assert.fail('no API')).replace('0.0.0.0', '127.0.0.1')}`;
}

/** Values of a metric, by their labels as written. */
function samples(text: string, name: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => /^[^#]/.test(line));
  const found = lines.flatMap((line) => {
    const [, metric, labels = '', value] = /^(\w+)(\{.*\})? (\S+)$/.exec(line) ?? assert.fail(line);
    return metric === `evergate_${name}` ? [[labels, Number(value)] as const] : [];
  });
  return Object.fromEntries(found);
}

async function freePort(t: TestContext): Promise<{ port: number; free: () => void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, free: () => void server.close() };
}

suite('the API', () => {
  test('answers and does what the control socket does', async (t) => {
    const gateway = await startGateway(t, hello(open));
    const api = await apiOf(gateway);
    assert.match(gateway.output, new RegExp(`listening: .*, API on ${api}`));
    const status = JSON.parse((await ask(`${api}/status`)).body) as GatewayStatus;
    assert.equal(status.pid, gateway.pid);
    assert.equal((await ask(`${api}/healthz`)).body, 'ok\n');
    assert.equal((await ask(`${api}/readyz?verbose`)).body, 'ready\n');
    const reload = await ask(`${api}/reload`, { method: 'POST' });
    assert.equal(reload.status, 200);
    assert.equal((JSON.parse(reload.body) as { generation: number }).generation, 2);
    gateway.write('flo: []');
    const refused = await ask(`${api}/reload`, { method: 'POST' });
    assert.equal(refused.status, 409);
    assert.match(refused.body, /flo: unknown key/);
    assert.equal((await ask(`${api}/nothing`)).status, 404);
    const wrong = await ask(`${api}/reload`);
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.allow, 'POST');
    const stopped = await ask(`${api}/stop`, { method: 'POST' });
    assert.equal(stopped.status, 200);
    assert.deepEqual(await gateway.ended(), { code: 0, signal: null });
  });

  test('is not there unless it is asked for', async (t) => {
    const gateway = await startGateway(t, hello(open).replace('enabled: true', 'enabled: false'));
    assert.equal((await gateway.status()).api, null);
  });

  test('tells what Prometheus wants to know, and counts on over reloads and crashes', async (t) => {
    const backend = await startBackend(t, (request, response) => {
      response.statusCode = request.url === '/busy' ? 503 : 200;
      response.end();
    });
    const cluster = `elasticsearch: [{ name: prod, endpoint: "${backend.origin}", health_check.enabled: false }]`;
    const filter = 'elasticsearch: { elasticsearch: prod, max_retry_times: 0 }';
    const gateway = await startGateway(t, `${hello(open, filter)}${cluster}`);
    const [origin, api] = [await gateway.origin('main'), await apiOf(gateway)];
    const metrics = async (): Promise<string> => (await ask(`${api}/metrics`)).body;
    for (let i = 0; i < 3; i++) assert.equal((await ask(origin)).status, 200);
    assert.equal((await ask(`${origin}/busy`)).status, 503);

    const first = await ask(`${api}/metrics`);
    assert.equal(first.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.deepEqual(samples(first.body, 'entry_requests_total'), { '{entry="main"}': 4 });
    assert.deepEqual(samples(first.body, 'entry_responses_total'), {
      ...Object.fromEntries(
        ['none', '1xx', '3xx', '4xx'].map((c) => [`{entry="main",class="${c}"}`, 0]),
      ),
      '{entry="main",class="2xx"}': 3,
      '{entry="main",class="5xx"}': 1,
    });
    const duration = 'entry_request_duration_seconds';
    assert.deepEqual(samples(first.body, `${duration}_count`), { '{entry="main"}': 4 });
    const buckets = Object.entries(samples(first.body, `${duration}_bucket`));
    assert.deepEqual(buckets.at(-1), ['{entry="main",le="+Inf"}', 4]);
    assert.deepEqual(
      buckets.map(([, count]) => count).toSorted((a, b) => a - b),
      buckets.map(([, count]) => count),
    );
    const node = `{cluster="prod",node="${backend.origin}"}`;
    assert.deepEqual(samples(first.body, 'node_requests_total'), { [node]: 4 });
    assert.deepEqual(samples(first.body, 'node_failures_total'), { [node]: 1 });
    assert.deepEqual(samples(first.body, 'workers'), {
      '{state="serving"}': 2,
      '{state="draining"}': 0,
      '{state="unresponsive"}': 0,
    });

    assert.equal((await gateway.reload()).status, 200);
    const { workers } = await gateway.status();
    process.kill(workers[0]?.pid ?? assert.fail(), 'SIGKILL');
    await eventually('the crash to be counted and mended', async () => {
      const text = await metrics();
      const serving = samples(text, 'workers')['{state="serving"}'];
      return samples(text, 'worker_crashes_total')[''] === 1 && serving === 2;
    });
    const last = await metrics();
    assert.deepEqual(samples(last, 'entry_requests_total'), { '{entry="main"}': 4 });
    assert.equal(samples(last, 'entry_responses_total')['{entry="main",class="2xx"}'], 3);
    assert.deepEqual(samples(last, 'node_requests_total'), { [node]: 4 });
    assert.deepEqual(samples(last, 'node_failures_total'), { [node]: 1 });
    assert.deepEqual(samples(last, 'config_generation'), { '': 2 });
    assert.equal(samples(last, 'config_changes_total')['{result="done"}'], 2);
  });

  test('counts what a worker told that does not answer now', async (t) => {
    const gateway = await startGateway(t, hello(open), { args: ['--workers', '1'] });
    const api = await apiOf(gateway);
    const origin = await gateway.origin('main');
    for (let i = 0; i < 3; i++) await ask(origin);
    const total = async (): Promise<unknown> =>
      samples((await ask(`${api}/metrics`)).body, 'entry_requests_total');
    await eventually('the requests', async () => {
      return (await gateway.status()).entries[0]?.total === 3;
    });
    const [worker] = (await gateway.status()).workers;
    assert.ok(worker);
    process.kill(worker.pid, 'SIGSTOP');
    try {
      assert.deepEqual(await total(), { '{entry="main"}': 3 });
    } finally {
      process.kill(worker.pid, 'SIGCONT');
    }
    assert.equal((await ask(origin)).body, 'hello');
    assert.deepEqual(await total(), { '{entry="main"}': 4 });
  });

  test('turns web pages away', async (t) => {
    const gateway = await startGateway(t, hello(open));
    const api = await apiOf(gateway);
    const post = (headers: Record<string, string>) =>
      ask(`${api}/reload`, { method: 'POST', headers });
    assert.equal((await post({ origin: 'http://localhost' })).status, 403);
    assert.equal((await post({ 'sec-fetch-site': 'cross-site' })).status, 403);
    assert.equal((await post({ 'content-type': 'text/plain;charset=UTF-8' })).status, 415);
    for (const host of ['attacker.example', 'localhost.attacker.example:2900', '10.0.0.1']) {
      assert.equal((await ask(`${api}/status`, { headers: { host } })).status, 403, host);
    }
    for (const host of ['localhost', 'localhost:2900', '127.0.0.1', '[::1]:2900']) {
      assert.equal((await ask(`${api}/status`, { headers: { host } })).status, 200, host);
    }
    assert.equal((await gateway.status()).generation, 1);
  });

  test('tells other machines its metrics alone where nobody has to give a password', async (t) => {
    const gateway = await startGateway(t, hello(open.replace('127.0.0.1:0', '0.0.0.0:0')));
    const api = (await apiOf(gateway)).replace('0.0.0.0', '127.0.0.1');
    const host = '10.0.0.7:2900';
    const statusOf = async (method: string, path: string) =>
      (await ask(`${api}${path}`, { method, headers: { host } })).status;
    assert.equal(await statusOf('GET', '/metrics'), 200);
    assert.equal(await statusOf('GET', '/readyz'), 200);
    assert.equal(await statusOf('GET', '/status'), 403);
    for (const path of ['/reload', '/stop', '/metrics']) {
      assert.equal(await statusOf('POST', path), 403, path);
    }
    assert.equal((await gateway.status()).generation, 1);
  });

  test('asks for name and password where it is told to, but probes need none', async (t) => {
    const gateway = await startGateway(t, hello(guarded));
    const api = await apiOf(gateway);
    const as = (username: string, password: string) =>
      ask(`${api}/status`, { headers: { authorization: basicAuth({ username, password }) } });
    const nobody = await ask(`${api}/status`);
    assert.equal(nobody.status, 401);
    assert.match(nobody.headers['www-authenticate'] ?? '', /^Basic /);
    assert.equal((await as('operator', 'wrong')).status, 401);
    assert.equal((await as('somebody', 'hunter-api')).status, 401);
    assert.equal((await as('operator', '')).status, 401);
    const known = await as('operator', 'hunter-api');
    assert.equal(known.status, 200);
    assert.equal((await ask(`${api}/readyz`, { headers: { host: '10.0.0.7' } })).status, 200);
    assert.ok(!`${known.body}${gateway.output}`.includes('hunter'), 'the password is a secret');
  });

  test('moves with a reload, which an occupied port refuses', async (t) => {
    const gateway = await startGateway(t, hello(open));
    const before = await apiOf(gateway);
    const { port, free } = await freePort(t);
    const elsewhere = hello(`network: { binding: "127.0.0.1:${port}" }`);
    gateway.write(elsewhere);
    const refused = await gateway.reload();
    assert.equal(refused.status, 409);
    assert.match(JSON.stringify(refused.body), /the API cannot listen on .*in use/);
    assert.equal((await ask(`${before}/readyz`)).status, 200);

    free();
    const asked = await ask(`${before}/reload`, { method: 'POST' });
    assert.equal(asked.status, 200, asked.body);
    assert.equal((await ask(`http://127.0.0.1:${port}/readyz`)).status, 200);
    await assert.rejects(ask(`${before}/readyz`), { code: 'ECONNREFUSED' });

    gateway.write(elsewhere.replace('enabled: true', 'enabled: false'));
    assert.equal((await gateway.reload()).status, 200);
    await assert.rejects(ask(`http://127.0.0.1:${port}/readyz`), { code: 'ECONNREFUSED' });
  });

  test('answers probes however many connections ask nothing', async (t) => {
    const gateway = await startGateway(t, hello(open));
    const api = await apiOf(gateway);
    const { hostname, port } = new URL(api);
    const idle = Array.from({ length: 300 }, () => connect(Number(port), hostname));
    t.after(() => {
      for (const socket of idle) socket.destroy();
    });
    for (const socket of idle) socket.on('error', () => {}).write('GET /heal');
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    for (let i = 0; i < 20; i++) {
      const probes = await Promise.all(['/healthz', '/readyz'].map((path) => ask(api + path)));
      for (const { status } of probes) assert.equal(status, 200);
    }
  });

  test('slows down those who guess its password', async (t) => {
    const gateway = await startGateway(t, hello(guarded));
    const api = await apiOf(gateway);
    const login = async (password: string): Promise<number> => {
      const authorization = basicAuth({ username: 'operator', password });
      return (await ask(`${api}/status`, { headers: { authorization } })).status;
    };
    const guesses: number[] = [];
    for (let i = 0; i < 20; i++) guesses.push(await login(`guess ${i}`));
    assert.deepEqual(guesses.slice(0, 6), [401, 401, 401, 401, 401, 429]);
    assert.ok(guesses.filter((status) => status === 401).length < 10, guesses.join());
    assert.equal((await ask(`${api}/readyz`)).status, 200, 'probes are not slowed down');
    await eventually('the right one to be let in', async () => (await login('hunter-api')) === 200);
    assert.equal(await login('guess again'), 401, 'which begins anew');
  });

  test('goes over to the next program without a gap', async (t) => {
    let gateway: TestGateway | null = null;
    // Whoever runs then ends before its folder does.
    t.after(() => gateway && requestControl(gateway.socket, 'POST', '/stop').catch(() => null));
    gateway = await startGateway(t, hello(open));
    const api = await apiOf(gateway);
    const clients = new PersistentClients(t, `${api}/readyz`, 4, ({ status }) =>
      assert.equal(status, 200),
    );
    await clients.more(20);
    const upgraded = await ask(`${api}/upgrade`, { method: 'POST' });
    assert.equal(upgraded.status, 200, upgraded.body);
    await gateway.ended();
    await clients.more(20);
    assert.deepEqual((await clients.stop()).failures, []);
    const { pid } = JSON.parse((await ask(`${api}/status`)).body) as GatewayStatus;
    assert.notEqual(pid, gateway.pid);
  });

  test('is not held up by who connects and says nothing', async (t) => {
    const gateway = await startGateway(t, hello(open));
    const api = new URL(await apiOf(gateway));
    const silent = await Promise.all(
      Array.from({ length: 100 }, () => RawConnection.connect(t, +api.port)),
    );
    await eventually('those over the limit to be turned away', () =>
      silent.some(({ socket }) => socket.closed),
    );
    for (const { socket } of silent) socket.destroy();
    await eventually(
      'an answer',
      async () => (await ask(`${api.origin}/readyz`).catch(() => null))?.status === 200,
    );
    assert.equal((await gateway.stop()).code, 0);
  });
});

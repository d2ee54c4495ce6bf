/** A primary that does not answer, or is gone: workers share limits out by themselves, and settle. */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { ask } from '../support/clients.ts';
import { startBackend, startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

const hello = (limit: number, filter = 'echo: { message: "hello" }'): string => `
configs.auto_reload: false
entry:
  - name: main
    max_concurrency: ${limit}
    network: { binding: "127.0.0.1:0" }
    drain: { idle: 200ms }
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ ${filter} }] }]
`;

/** Opens connections and asks on each: how many were answered with 200. They stay open. */
async function open(
  t: TestContext,
  port: number,
  count: number,
): Promise<{ sockets: Socket[]; served: number }> {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1'));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  const statuses = await Promise.all(
    sockets.map(async (socket) => {
      socket.on('error', () => {});
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      const [first] = (await once(socket, 'data')) as [Buffer];
      return first.toString('latin1').slice(9, 12);
    }),
  );
  return { sockets, served: statuses.filter((status) => status === '200').length };
}

test('connections are served while the primary is stopped, as long as there is capacity', async (t) => {
  const gateway = await startGateway(t, hello(10_000));
  const port = await gateway.port('main');
  gateway.process.kill('SIGSTOP');
  t.after(() => gateway.process.kill('SIGCONT'));
  const { served } = await open(t, port, 600);
  assert.equal(served, 600);
  gateway.process.kill('SIGCONT');
  await eventually(
    'the count',
    async () => (await gateway.status()).entries[0]?.connections === 600,
  );
});

test('what was taken without the primary is settled: the limit is exact afterwards', async (t) => {
  const limit = 20;
  const gateway = await startGateway(t, hello(limit));
  const port = await gateway.port('main');
  gateway.process.kill('SIGSTOP');
  t.after(() => gateway.process.kill('SIGCONT'));
  const during = await open(t, port, 60);
  assert.ok(during.served <= limit, `${during.served} of ${limit}`);
  gateway.process.kill('SIGCONT');
  const connections = async (): Promise<number> =>
    (await gateway.status()).entries[0]?.connections ?? -1;
  await eventually('the primary to answer', async () => (await connections()) === during.served);
  const rest = await open(t, port, 60);
  assert.equal(during.served + rest.served, limit);
  for (const socket of [...during.sockets, ...rest.sockets]) socket.destroy();
  await eventually('their end', async () => (await connections()) === 0);
  assert.equal((await open(t, port, 60)).served, limit);
});

test('connections to nodes, quotas and limits by time go on without the primary', async (t) => {
  const backend = await startBackend(t, (_request, response) => void response.end('hello'));
  const cluster = `elasticsearch:
  - name: prod
    endpoint: "${backend.origin}"
    health_check.enabled: false
    traffic_control: { max_connection_per_node: 100, max_qps_per_node: 1000 }`;
  const filters =
    'request_client_ip_limiter: { max_requests: 1000, interval: 1s } }, { elasticsearch: { elasticsearch: prod }';
  const gateway = await startGateway(t, `${hello(1000, filters)}${cluster}`);
  const origin = await gateway.origin('main');
  assert.equal((await ask(origin)).status, 200);
  gateway.process.kill('SIGKILL');
  await gateway.ended();
  const answers = await Promise.all(Array.from({ length: 60 }, () => ask(origin)));
  assert.deepEqual(
    answers.map(({ status }) => status),
    answers.map(() => 200),
  );
});

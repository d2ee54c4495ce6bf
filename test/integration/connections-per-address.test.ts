/** max_conns_per_ip on real gateways: exact over all workers, and told like max_concurrency is. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect, type Socket } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import tls from 'node:tls';
import { startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

const configuration = (entry: string, extra = ''): string => `
configs.auto_reload: false
entry: [{ name: main, network: { binding: "0.0.0.0:0"${extra} }, ${entry} }]
router: [{ name: default, default_flow: here }]
flow: [{ name: here, filter: [{ echo: { message: here } }] }]
`;

const request = 'GET / HTTP/1.1\r\nHost: gate.test\r\n\r\n';

interface Asked {
  readonly socket: Socket;
  readonly answer: string;
}

/** Asks on a connection of its own, and keeps it open. */
async function ask(t: TestContext, port: number, from: string, preface = ''): Promise<Asked> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.write(preface + request);
  await eventually('an answer', () => /\r\n\r\n/.test(answer) || socket.closed);
  return { socket, answer };
}

const isServed = ({ answer }: Asked): boolean => answer.startsWith('HTTP/1.1 200 ');
const isRefused = ({ answer }: Asked): boolean =>
  answer.startsWith('HTTP/1.1 429 ') && /\r\nConnection: close\r\n/i.test(answer);

suite('max_conns_per_ip', () => {
  for (const limit of [5, 80]) {
    test(`${limit}: exact over all workers, each address for itself, and it recovers`, async (t) => {
      const gateway = await startGateway(t, configuration(`max_conns_per_ip: ${limit}`));
      const port = await gateway.port('main');
      const many = await Promise.all(
        Array.from({ length: limit + 20 }, () => ask(t, port, '127.0.0.1')),
      );
      assert.equal(many.filter(isServed).length, limit);
      assert.equal(many.filter(isRefused).length, 20);
      for (const { socket } of many.filter(isRefused)) {
        await eventually('the end of a refusal', () => socket.closed);
      }

      const other = await Promise.all(Array.from({ length: 5 }, () => ask(t, port, '127.0.0.2')));
      assert.ok(other.every(isServed));

      for (const { socket } of many) socket.destroy();
      await eventually('connections to be served again', async () =>
        isServed(await ask(t, port, '127.0.0.1')),
      );
      const again = await Promise.all(
        Array.from({ length: limit - 2 }, () => ask(t, port, '127.0.0.1')),
      );
      assert.ok(again.filter(isServed).length > 0);
    });
  }

  test('a reload keeps the count, and takes up another limit', async (t) => {
    const gateway = await startGateway(t, configuration('max_conns_per_ip: 4, drain.idle: 50s'));
    const port = await gateway.port('main');
    const first = await Promise.all(Array.from({ length: 4 }, () => ask(t, port, '127.0.0.1')));
    assert.ok(first.every(isServed));
    assert.ok(isRefused(await ask(t, port, '127.0.0.1')));
    gateway.write(configuration('max_conns_per_ip: 6, drain.idle: 50s'));
    // It is over when the drained workers are gone, which these connections keep waiting.
    const reloaded = gateway.reload().catch(() => null);
    for (let served = 0; served < 2; served++) {
      await eventually('a connection to be served', async () =>
        isServed(await ask(t, port, '127.0.0.1')),
      );
    }
    assert.ok(isRefused(await ask(t, port, '127.0.0.1')));
    assert.ok(first.every(({ socket }) => !socket.closed));
    for (const { socket } of first) socket.destroy();
    await reloaded;
  });

  test('counts whom a proxy in front speaks for', async (t) => {
    const gateway = await startGateway(
      t,
      configuration(
        'max_conns_per_ip: 2, trusted_addresses: [127.0.0.1]',
        ', proxy_protocol: true',
      ),
    );
    const port = await gateway.port('main');
    const preface = (client: string): string => `PROXY TCP4 ${client} 10.0.0.9 1234 80\r\n`;
    const one = [];
    for (let i = 0; i < 3; i++) one.push(await ask(t, port, '127.0.0.1', preface('10.0.0.1')));
    assert.deepEqual(one.map(isServed), [true, true, false]);
    assert.ok(isRefused(one[2] as Asked));
    assert.ok(isServed(await ask(t, port, '127.0.0.1', preface('10.0.0.2'))));
  });

  test('over TLS, with HTTP/1.1 and HTTP/2', async (t) => {
    const gateway = await startGateway(t, configuration('max_conns_per_ip: 1, tls.enabled: true'));
    const port = await gateway.port('main');
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false };
    const held = tls.connect(options);
    t.after(() => held.destroy());
    await once(held, 'secureConnect');

    const refused = tls.connect(options);
    t.after(() => refused.destroy());
    let answer = '';
    refused.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
    refused.write(request);
    await eventually('the refusal', () => answer.startsWith('HTTP/1.1 429 '));

    const client = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    client.on('error', () => {});
    t.after(() => client.destroy());
    const [headers] = (await once(client.request({ ':path': '/' }), 'response')) as [
      http2.IncomingHttpHeaders,
    ];
    assert.equal(headers[':status'], 429);
  });
});

/** Sends what no gateway may pass on to a real gateway in front of a backend which records. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import tls from 'node:tls';
import { startGateway } from '../support/gateway.ts';
import { malformedRequests } from '../support/malformed-requests.ts';

/** Everything a backend was sent, and an answer to each request. */
async function recordingBackend(t: TestContext) {
  const received: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { port, text: () => Buffer.concat(received).toString('latin1') };
}

/** What the gateway asks on its own, when a node has answered strangely. */
const healthCheck = /GET \/ HTTP\/1\.1\r\nHost: [^\r]+\r\nAccept: application\/json\r\n\r\n/g;

/** Sends raw bytes and gives what comes back until the gateway ends the connection. */
function exchange(
  port: number,
  raw: string,
  overTls = false,
): Promise<{ answer: string; ended: boolean }> {
  const { promise, resolve } = Promise.withResolvers<{ answer: string; ended: boolean }>();
  const socket = overTls
    ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : connect(port, '127.0.0.1');
  let answer = '';
  const timer = setTimeout(() => {
    resolve({ answer, ended: false });
    socket.destroy();
  }, 60_000);
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  socket.on('close', () => {
    clearTimeout(timer);
    resolve({ answer, ended: true });
  });
  socket.write(raw, 'latin1');
  return promise;
}

suite('malformed requests', () => {
  test('there are enough of them', () => {
    assert.ok(malformedRequests.length >= 100, `${malformedRequests.length}`);
    assert.equal(new Set(malformedRequests.map(({ name }) => name)).size, malformedRequests.length);
  });

  for (const overTls of [false, true]) {
    test(`none reaches a backend, each ends its connection${overTls ? ', over TLS' : ''}`, async (t) => {
      const backend = await recordingBackend(t);
      const gateway = await startGateway(
        t,
        `entry: [{ name: web, network: { binding: "127.0.0.1:0" }, tls: { enabled: ${overTls} } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ elasticsearch: { elasticsearch: backend } }] }]
elasticsearch: [{ name: backend, endpoints: ["http://127.0.0.1:${backend.port}"] }]
`,
      );
      const port = await gateway.port('web');
      const healthy = await exchange(
        port,
        'GET /healthy HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n',
        overTls,
      );
      assert.match(healthy.answer, /^HTTP\/1\.1 200 /);
      const wrong: string[] = [];
      for (const { name, raw } of malformedRequests) {
        const before = backend.text().length;
        // A second request behind it must never be taken for one of its own.
        const { answer, ended } = await exchange(
          port,
          `${raw}GET /smuggled HTTP/1.1\r\nHost: gate.test\r\n\r\n`,
          overTls,
        );
        const passed = backend.text().slice(before).replaceAll(healthCheck, '');
        const complete = isComplete(passed);
        const refused = answer === '' || /^HTTP\/1\.1 [45]\d\d /.test(answer);
        if (complete || !refused || !ended || passed.includes('smuggled')) {
          const told = `passed ${JSON.stringify(passed.slice(0, 300))}`;
          wrong.push(
            `${name}: ended ${ended}, answered ${JSON.stringify(answer.slice(0, 60))}, ${told}`,
          );
        }
      }
      assert.deepEqual(wrong, []);
    });
  }
});

/** Whether what a backend got is a whole request: a body that was broken off is none. */
function isComplete(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  if (/\r\ntransfer-encoding: chunked\r\n/i.test(text.slice(0, end + 4))) {
    return text.endsWith('0\r\n\r\n');
  }
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text)?.[1];
  return text.length >= end + 4 + Number(length ?? 0);
}

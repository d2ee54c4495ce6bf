import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { suite, test, type TestContext } from 'node:test';
import { startGateway } from '../../support/gateway.ts';
import { eventually } from '../../support/eventually.ts';

/** A node that answers upgrades by `take`. */
async function start(t: TestContext, take: (request: IncomingMessage, socket: Duplex) => void) {
  const sockets = new Set<Duplex>();
  const server = createServer((_request, response) => response.end('plain'));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('end', () => sockets.delete(socket));
    socket.on('error', () => {}).resume();
    take(request, socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.closeAllConnections());
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  const gateway = await startGateway(
    t,
    `entry: [{ name: web, network: { binding: "127.0.0.1:0" }, tls: { enabled: true } }]
router: [{ name: default, default_flow: main }]
flow: [{ name: main, filter: [{ http: { host: "127.0.0.1:${port}" } }] }]
`,
    { args: ['--workers', '1'] },
  );
  const client = http2.connect(await gateway.origin('web', 'https'), { rejectUnauthorized: false });
  client.on('error', () => {});
  t.after(() => client.destroy());
  await once(client, 'remoteSettings');
  assert.equal(client.remoteSettings.enableConnectProtocol, true);
  return { client, sockets };
}

function accept({ headers }: IncomingMessage): string {
  const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  return createHash('sha1').update(key).digest('base64');
}

const fields = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':path': '/chat?x=1',
  'sec-websocket-version': '13',
  'sec-websocket-protocol': 'talk',
};

suite('WebSockets over HTTP/2', { timeout: 60_000 }, () => {
  test('bytes pass both ways, many at a time, and either side ends them', async (t) => {
    const asked: IncomingMessage[] = [];
    const { client, sockets } = await start(t, (request, socket) => {
      asked.push(request);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept(request)}\r\nSec-WebSocket-Protocol: talk\r\n\r\nhello`,
      );
      socket.on('data', (chunk: Buffer) => socket.write(chunk));
      socket.on('end', () => socket.end('bye'));
    });
    const size = 2 << 20;
    const talk = async (): Promise<void> => {
      const stream = client.request(fields);
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      assert.equal(headers[':status'], 200);
      assert.equal(headers['sec-websocket-protocol'], 'talk');
      for (const name of ['upgrade', 'connection', 'sec-websocket-accept']) {
        assert.equal(headers[name], undefined);
      }
      stream.end(Buffer.alloc(size, 'x'));
      let received = '';
      for await (const chunk of stream) received += (chunk as Buffer).toString();
      assert.equal(received, `hello${'x'.repeat(size)}bye`);
    };
    await Promise.all([talk(), talk(), talk()]);
    const [first] = asked;
    assert.equal(first?.method, 'GET');
    assert.equal(first?.url, '/chat?x=1');
    assert.match(String(first?.headers['sec-websocket-key']), /^[A-Za-z0-9+/]{22}==$/);
    assert.equal(first?.headers['sec-websocket-version'], '13');
    await eventually('the end of the connections', () => sockets.size === 0);
  });

  test('a client that resets its stream leaves nothing at the node', async (t) => {
    const { client, sockets } = await start(t, (request, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept(request)}\r\n\r\n`,
      );
    });
    const stream = client.request(fields);
    stream.on('error', () => {});
    await once(stream, 'response');
    assert.equal(sockets.size, 1);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await eventually('the end of the connection', () => sockets.size === 0);
  });

  test('a node that breaks the connection resets the stream', async (t) => {
    const { client } = await start(t, (request, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept(request)}\r\n\r\n`,
      );
      setTimeout(() => socket.destroy(), 50);
    });
    const stream = client.request(fields);
    await once(stream, 'response');
    stream.resume();
    stream.on('error', () => {});
    await once(stream, 'close');
  });

  test('a node that refuses is heard, and so are other requests', async (t) => {
    const { client } = await start(t, (_request, socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    });
    const stream = client.request(fields);
    stream.on('error', () => {});
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    assert.equal(headers[':status'], 403);
    stream.close();
    const other = client.request({});
    const [answer] = (await once(other, 'response')) as [http2.IncomingHttpHeaders];
    assert.equal(answer[':status'], 200);
  });
});

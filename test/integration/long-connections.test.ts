/** WebSockets and event streams, which live longer than a configuration does. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestControl } from '../../src/primary/control/client.ts';
import { launchGateway, startGateway, type TestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';

/** A node that sends each of its clients a number again and again, by WebSocket or as an event stream. */
async function startTicker(t: TestContext): Promise<number> {
  const open = new Set<Duplex>();
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write('data: 0\n\n');
    let count = 0;
    const timer = setInterval(() => response.write(`data: ${++count}\n\n`), 50);
    response.once('close', () => clearInterval(timer));
  });
  server.on('upgrade', (request, socket: Duplex) => {
    const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash('sha1').update(key).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    open.add(socket);
    let count = 0;
    const timer = setInterval(() => {
      const text = `${++count}`;
      socket.write(Buffer.from(`\x81${String.fromCharCode(text.length)}${text}`, 'latin1'));
    }, 50);
    socket.on('error', () => {});
    // It answers a close frame by closing.
    socket.on('data', (bytes: Buffer) => {
      if (((bytes[0] as number) & 0x0f) === 8) socket.end();
    });
    socket.once('close', () => clearInterval(timer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
    for (const socket of open) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

const configuration = (node: number, { drain = '{ idle: 300ms }', more = '', tag = 0 } = {}) => `
configs.auto_reload: false
${more}
entry:
  - name: main
    router: main
    network: { binding: "127.0.0.1:0" }
    drain: ${drain}
router:
  - name: main
    default_flow: ticker
flow:
  - name: ticker
    filter:
      - set_request_header: { headers: ["X-Tag -> ${tag}"] }
      - http: { schema: http, host: "127.0.0.1:${node}" }
`;

/** A WebSocket that counts what it gets. */
class Listener {
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number }>;
  received = 0;
  isClosed = false;

  constructor(origin: string) {
    this.socket = new WebSocket(`${origin.replace('http', 'ws')}/ws`);
    this.closed = new Promise((resolve) => {
      this.socket.addEventListener('close', ({ code }) => {
        this.isClosed = true;
        resolve({ code });
      });
    });
    this.socket.addEventListener('message', () => this.received++);
  }

  static async open(t: TestContext, gateway: TestGateway): Promise<Listener> {
    const listener = new Listener(await gateway.origin('main'));
    t.after(() => listener.socket.close());
    await listener.hears('its first message');
    return listener;
  }

  /** Waits for messages that it does not have yet. */
  async hears(what: string): Promise<void> {
    const before = this.received;
    await eventually(what, () => {
      assert.ok(!this.isClosed, `closed before ${what}`);
      return this.received > before + 1;
    });
  }
}

/** An event stream, read by hand. */
async function openStream(t: TestContext, gateway: TestGateway) {
  const socket: Socket = connect(await gateway.port('main'), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  const stream = { text: '', isClosed: false };
  socket.on('data', (bytes) => (stream.text += bytes.toString()));
  socket.once('close', () => (stream.isClosed = true));
  socket.write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually('the first event', () => stream.text.includes('data: 1\n'));
  return stream;
}

suite('long connections', () => {
  test('live through reloads, which do not wait for them', async (t) => {
    const node = await startTicker(t);
    const gateway = await startGateway(t, configuration(node));
    const listener = await Listener.open(t, gateway);
    const stream = await openStream(t, gateway);
    for (let tag = 1; tag <= 4; tag++) {
      gateway.write(configuration(node, { tag }));
      const { status } = await gateway.reload();
      assert.equal(status, 200);
      await listener.hears(`a message after reload ${tag}`);
    }
    const before = stream.text.length;
    await eventually('another event', () => stream.text.length > before);
    assert.ok(!stream.isClosed);

    const { draining, generation, waiting } = await gateway.status();
    assert.equal(generation, 5);
    assert.equal(waiting, null);
    const doing = draining.flatMap(({ holders }) => holders.map((holder) => holder.doing)).sort();
    assert.deepEqual(doing, ['responding', 'upgraded']);
  });

  test('the oldest are ended where too many generations live', async (t) => {
    const more = 'supervision.max_draining_generations: 1';
    const node = await startTicker(t);
    const gateway = await startGateway(t, configuration(node, { more }));
    const oldest = await Listener.open(t, gateway);
    const stream = await openStream(t, gateway);
    await gateway.reload();
    const older = await Listener.open(t, gateway);
    await oldest.hears('a message after one reload');
    await gateway.reload();
    assert.deepEqual(await oldest.closed, { code: 1001 });
    await eventually('the end of the event stream', () => stream.isClosed);
    await older.hears('a message after the end of the oldest');
    await eventually('one draining generation', async () => {
      const { draining } = await gateway.status();
      return new Set(draining.map((each) => each.generation)).size === 1;
    });
  });

  test('live through an upgrade, and a reload after it', async (t) => {
    const node = await startTicker(t);
    const gateway = launchGateway(t, configuration(node));
    t.after(async () => {
      const status = await gateway.status().catch(() => null);
      if (status && status.pid !== gateway.pid) process.kill(status.pid, 'SIGKILL');
    });
    await gateway.ready();
    const listener = await Listener.open(t, gateway);
    const upgraded = await requestControl(gateway.socket, 'POST', '/upgrade');
    assert.equal(upgraded.status, 200);
    await listener.hears('a message after the upgrade');
    assert.equal((await gateway.reload()).status, 200);
    await listener.hears('a message after the reload');
    const { pid, draining } = await gateway.status();
    assert.notEqual(pid, gateway.pid);
    assert.equal(draining.flatMap(({ holders }) => holders).length, 1);
    // Told twice to stop, the second program has the first one let go of the connection at once.
    process.kill(pid, 'SIGTERM');
    await sleep(500);
    assert.ok(!listener.isClosed);
    process.kill(pid, 'SIGTERM');
    await listener.closed;
    await gateway.ended();
  });

  test('are ended with a close frame when the gateway stops', async (t) => {
    const node = await startTicker(t);
    const gateway = await startGateway(
      t,
      configuration(node, { drain: '{ idle: 100ms, timeout: 1s }' }),
    );
    const listener = await Listener.open(t, gateway);
    gateway.process.kill('SIGTERM');
    assert.deepEqual(await listener.closed, { code: 1001 });
    assert.equal((await gateway.ended()).code, 0);
  });
});

/** HTTP/1.0, whose responses of unknown length end with the connection. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import tls from 'node:tls';
import type { BodySink } from '../../../src/http/body/body.ts';
import type { RequestContext } from '../../../src/http/context.ts';
import { answerPath, get, startEntry } from '../../support/entry.ts';
import { codeOf } from '../../../src/runtime/system-errors.ts';
import { withTls } from '../../support/tls.ts';
import { eventually } from '../../support/eventually.ts';
import { RawConnection } from '../../support/raw-connection.ts';

const request = 'GET /a HTTP/1.0\r\n\r\n';

/** A flow whose response a test writes. */
function streaming(onStart: (sink: BodySink) => void) {
  return ({ response }: RequestContext): void => {
    response.status = 200;
    response.body = { length: undefined, start: onStart, resume() {}, cancel() {} };
  };
}

async function open(t: TestContext, port: number, secure: boolean): Promise<RawConnection> {
  if (!secure) return RawConnection.connect(t, port);
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  t.after(() => socket.destroy());
  const client = new RawConnection(socket);
  await eventually(
    'handshake',
    () => socket.authorizationError !== undefined && !socket.connecting,
  );
  return client;
}

for (const secure of [false, true]) {
  const config = secure ? withTls() : {};

  suite(`HTTP/1.0${secure ? ' over TLS' : ''}`, () => {
    test('ends the connection with the response', async (t) => {
      const { port } = await startEntry(t, answerPath, { config });
      const client = await open(t, port, secure);
      client.send(request);
      await client.untilEnded();
      assert.match(client.received, /^HTTP\/1\.1 200 (?:.*\r\n)*Connection: close\r\n\r\n\/a$/);
    });

    test('keeps the connection where the client asks for that', async (t) => {
      const { port } = await startEntry(t, answerPath, { config });
      const client = await open(t, port, secure);
      client.send('GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      await client.until(/Connection: keep-alive\r\n(?:.*\r\n)*\r\n\/a$/);
      client.send(get('/b'));
      await client.until(/\/b$/);
    });

    test('knows no chunks: the end of the connection ends the body', async (t) => {
      const flow = streaming((sink) => {
        sink.write(Buffer.from('abc'));
        sink.write(Buffer.from('def'));
        sink.end(['X-Sum', '6']);
      });
      const { port } = await startEntry(t, flow, { config });
      const client = await open(t, port, secure);
      client.send('GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      await client.untilEnded();
      assert.match(client.received, /Connection: close\r\n\r\nabcdef$/);
      assert.doesNotMatch(client.received, /chunked/i);
    });

    for (const [when, more] of [
      ['at once', 0],
      ['after some of its body', 10],
      ['while its client takes nothing', 32 << 20],
    ] as const) {
      test(`a response that is broken off ${when} looks broken off`, async (t) => {
        let sink: BodySink | undefined;
        const { port, entry } = await startEntry(
          t,
          streaming((to) => (sink = to)),
          { config },
        );
        const client = await open(t, port, secure);
        if (more > 1000) client.socket.pause();
        client.send(request);
        await eventually('start', () => sink !== undefined);
        if (more > 0) sink?.write(Buffer.alloc(more, 'x'));
        if (more === 10) await client.until(/x{10}$/);
        sink?.fail(new Error('broken'));
        await eventually('the end', () => entry.inspect().connections === 0);
        client.socket.resume();
        await eventually('the end at the client', () => client.socket.closed);
        assert.equal(codeOf(client.error), 'ECONNRESET');
        assert.equal(entry.inspect().requests, 0);
      });
    }

    test('an upload that stops while its response has begun is broken off', async (t) => {
      const flow = (context: RequestContext): void => {
        const { body } = context.request;
        assert.ok(body !== null && !Buffer.isBuffer(body));
        streaming((sink) => {
          body.start({
            write: () => true,
            end: () => sink.end(),
            fail: (error) => sink.fail(error),
          });
          sink.write(Buffer.from('begun'));
        })(context);
      };
      const { port, entry } = await startEntry(t, flow, {
        config: { ...config, read_timeout: 200 },
      });
      const client = await open(t, port, secure);
      client.send('POST / HTTP/1.0\r\nContent-Length: 1000\r\n\r\n12345');
      await eventually('the end', () => client.socket.closed);
      assert.equal(codeOf(client.error), 'ECONNRESET');
      await eventually('nothing left', () => entry.inspect().connections === 0);
    });

    test('an expectation counts for nothing, and no interim response is sent', async (t) => {
      const { port } = await startEntry(
        t,
        async ({ interim, request: { body }, response }) => {
          assert.ok(Buffer.isBuffer(body));
          interim?.inform(103, ['Link', '</a>']);
          response.status = 200;
          response.body = body;
        },
        { config },
      );
      const client = await open(t, port, secure);
      client.send('POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc');
      await client.untilEnded();
      assert.match(client.received, /^HTTP\/1\.1 200 (?:.*\r\n)*\r\nabc$/);
    });
  });
}

test('a socket of any state is reset without an error', async (t) => {
  const { resetConnection } = await import('../../../src/runtime/sockets/tcp-reset.ts');
  const server = net.createServer((socket) => socket.on('error', () => {})).listen(0);
  t.after(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  for (const bring of [
    (socket: net.Socket) => void socket.pause(),
    (socket: net.Socket) => void socket.write(Buffer.alloc(32 << 20)),
    (socket: net.Socket) => void socket.end(),
    (socket: net.Socket) => void socket.end(Buffer.alloc(32 << 20)),
    (socket: net.Socket) => void socket.destroy(),
  ]) {
    const socket = net.connect({ port });
    socket.on('error', (error) => assert.fail(error));
    await new Promise((resolve) => {
      socket.once('connect', resolve);
    });
    bring(socket);
    resetConnection(socket);
    await eventually('the close', () => socket.closed);
  }
});

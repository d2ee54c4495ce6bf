/** Clients that end their side of the connection, and those that have gone. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import type { RequestContext } from '../../../src/http/context.ts';
import { answerPath, get, startEntry } from '../../support/entry.ts';
import { withTls } from '../../support/tls.ts';
import { eventually } from '../../support/eventually.ts';
import { RawConnection } from '../../support/raw-connection.ts';

/** A client whose side can be ended by itself. */
async function open(t: TestContext, port: number, secure: boolean): Promise<RawConnection> {
  const options = { port, host: '127.0.0.1', allowHalfOpen: true };
  const socket = secure
    ? tls.connect({ ...options, rejectUnauthorized: false })
    : net.connect(options);
  t.after(() => socket.destroy());
  const client = new RawConnection(socket);
  await new Promise((resolve) => {
    socket.once(secure ? 'secureConnect' : 'connect', resolve);
  });
  return client;
}

async function answerLate(context: RequestContext): Promise<void> {
  await sleep(300);
  if (context.request.method === 'POST') await context.request.readBody(1000);
  answerPath(context);
}

/** A flow that never answers, and what it sees. */
function silent() {
  const seen = { started: 0, aborted: 0 };
  const handle = (context: RequestContext): Promise<void> => {
    seen.started++;
    return new Promise((_resolve, reject) => {
      context.onAbort({
        clientGone() {
          seen.aborted++;
          reject(new Error('gone'));
        },
      });
    });
  };
  return { seen, handle };
}

for (const secure of [false, true]) {
  const config = secure ? withTls() : {};
  suite(`a client that ends its side${secure ? ' over TLS' : ''}`, () => {
    for (const [what, text, answers] of [
      ['a request', get('/a'), /^HTTP\/1\.1 200 (?:.*\r\n)*Connection: close\r\n\r\n\/a$/],
      ['one of HTTP/1.0', 'GET /a HTTP/1.0\r\n\r\n', /\r\n\r\n\/a$/],
      [
        'a body',
        'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
        /\r\n\r\n\/a$/,
      ],
      ['two requests', get('/a') + get('/b'), /\/aHTTP(?:.*\r\n)*Connection: close\r\n\r\n\/b$/],
      ['a part of another request', `${get('/a')}GET /b HT`, /\r\n\r\n\/a$/],
    ] as const) {
      test(`after ${what} gets its answers`, async (t) => {
        const { port, entry } = await startEntry(t, answerLate, { config });
        const client = await open(t, port, secure);
        client.socket.end(text);
        await client.untilEnded();
        assert.match(client.received, answers);
        await eventually('the close', () => entry.inspect().connections === 0);
      });
    }

    for (const [what, text] of [
      ['nothing', ''],
      ['a part of a head', 'GET / HT'],
      ['a part of a body', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc'],
      ['a part of chunks', `${get('/', 'Transfer-Encoding: chunked')}5\r\nabc`],
    ] as const) {
      test(`after ${what} is let go of at once`, async (t) => {
        const { seen, handle } = silent();
        const { port, entry } = await startEntry(t, handle, { config });
        const client = await open(t, port, secure);
        client.send(text);
        await sleep(50);
        client.socket.end();
        await eventually('the close', () => entry.inspect().connections === 0);
        assert.equal(client.received, '');
        assert.equal(seen.aborted, seen.started);
      });
    }

    test('long after its request has given up', async (t) => {
      const { seen, handle } = silent();
      const { port, entry } = await startEntry(t, handle, { config });
      const client = await open(t, port, secure);
      client.send(get());
      await sleep(1_500);
      client.socket.end();
      await eventually('the abort', () => seen.aborted === 1);
      await eventually('the close', () => entry.inspect().connections === 0);
    });

    test('and takes no answer has gone, when read_timeout has passed', async (t) => {
      const { seen, handle } = silent();
      const limits = { ...config, read_timeout: 500 };
      const { port, entry } = await startEntry(t, handle, { config: limits });
      const client = await open(t, port, secure);
      client.socket.end(get());
      await eventually('the abort', () => seen.aborted === 1);
      await eventually('the close', () => entry.inspect().connections === 0);
    });

    test('and takes its answer slowly gets all of it', async (t) => {
      const large = Buffer.alloc(24 << 20, 'x');
      const { port } = await startEntry(
        t,
        ({ response }) => {
          response.status = 200;
          response.body = large;
        },
        { config: { ...config, read_timeout: 500 } },
      );
      const client = await open(t, port, secure);
      let received = 0;
      client.socket.removeAllListeners('data');
      client.socket.end(get());
      for await (const chunk of client.socket as AsyncIterable<Buffer>) {
        if (received < 8 << 20) await sleep(10);
        received += chunk.length;
      }
      assert.ok(received > large.length);
    });
  });
}

/** Requests that are sent without waiting for answers, by clients that mean harm. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestContext } from '../../../src/http/context.ts';
import { answerPath, get, startEntry } from '../../support/entry.ts';
import { eventually } from '../../support/eventually.ts';
import { RawConnection } from '../../support/raw-connection.ts';

/** A request that differs from the usual ones. */
const unusual = {
  'a padded value': get('/first', 'X-A:  v'),
  'Proxy-Connection': get('/first', 'Proxy-Connection: x'),
  'HTTP/1.0': 'GET /first HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'a declined upgrade': get('/first', 'Connection: Upgrade', 'Upgrade: websocket'),
  'an absolute target': get('http://test/first'),
  chunks: `${get('/first', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
};

/** Sends `text` over and over, as long as it is taken; answers how many bytes were. */
async function flood(client: RawConnection, text: string, ms: number): Promise<number> {
  const { socket } = client;
  const part = Buffer.from(text.repeat(Math.ceil((64 << 10) / text.length)));
  const deadline = performance.now() + ms;
  while (performance.now() < deadline) {
    if (socket.writableLength < 1 << 20) socket.write(part);
    else await sleep(20);
    await sleep(0);
  }
  return socket.bytesWritten - socket.writableLength;
}

suite('a client that pipelines without end', () => {
  for (const [what, first] of Object.entries(unusual)) {
    test(`has to wait, after ${what}`, async (t) => {
      let most = 0;
      let running = 0;
      const { port, entry } = await startEntry(t, async (context) => {
        most = Math.max(most, ++running);
        await sleep(100);
        running--;
        answerPath(context);
      });
      const client = await RawConnection.connect(t, port);
      const other = await RawConnection.connect(t, port);
      client.send(first);
      const sent = await flood(client, get('/x'), 800);
      // What the gateway holds of it, and what the system's buffers do: these take some megabytes.
      assert.ok(sent < 16 << 20, `${sent} bytes were taken`);
      other.send(get('/other'));
      await other.until(/\/other$/);
      assert.ok(most <= 2, 'one at a time');
      client.socket.destroy();
      await eventually('the end', () => entry.inspect().connections === 1);
      await eventually('no request', () => entry.inspect().requests === 0);
    });
  }

  test('has to wait where it reads no answers', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.socket.pause();
    const before = process.memoryUsage().rss;
    await flood(client, get('/x', 'X-A:  v'), 800);
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 200 << 20, `${grown} bytes of memory`);
    client.socket.destroy();
    await eventually('the end', () => entry.inspect().connections === 0);
  });

  for (const [how, answer] of [
    ['at once', answerPath],
    [
      'in the same turn of the event loop',
      async (context: RequestContext): Promise<void> => {
        await Promise.resolve();
        answerPath(context);
      },
    ],
  ] as const) {
    test(`does not keep others waiting where it is answered ${how}`, async (t) => {
      const order: string[] = [];
      const { port } = await startEntry(t, (context) => {
        order.push(context.request.path);
        return answer(context);
      });
      const greedy = await RawConnection.connect(t, port);
      const other = await RawConnection.connect(t, port);
      // Both are there when the entry looks.
      greedy.send(get('/greedy').repeat(1000));
      other.send(get('/other'));
      await other.until(/\/other$/);
      await eventually('all answers', () => order.length === 1001);
      assert.ok(order.indexOf('/other') < 100, `it came after ${order.indexOf('/other')}`);
    });
  }
});

/** A flow that answers late. */
async function answerLate(context: RequestContext): Promise<void> {
  await sleep(50);
  if (context.request.method === 'POST') await context.request.readBody(1000);
  answerPath(context);
}

async function pipeline(t: TestContext, ...requests: string[]): Promise<string> {
  const { port } = await startEntry(t, answerLate, { config: { read_timeout: 20_000 } });
  const client = await RawConnection.connect(t, port);
  client.send(requests.join(''));
  await client.untilEnded();
  return client.received;
}

suite('what is pipelined after a request under way', () => {
  test('CONNECT is refused, after the answers before it', async (t) => {
    const connect = 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n';
    const received = await pipeline(t, get('/a'), get('/b'), connect, get('/c'));
    assert.match(received, /\/aHTTP(?:.*\r\n)*\r\n\/bHTTP\/1\.1 405 /);
    assert.doesNotMatch(received, /\/c$/);
  });

  for (const [what, body] of [
    ['with its head', '3\r\nabc\r\nzz\r\n'],
    ['in a size of many digits', `${'0'.repeat(21)}3\r\nabc\r\n0\r\n\r\n`],
    ['after its last chunk', '3\r\nabc\r\n0\r1\r\n'],
    ['in its trailers', '3\r\nabc\r\n0\r\nX Y: z\r\n'],
    ['in an extension', '3;a b\r\nabc\r\n0\r\n\r\n'],
  ] as const) {
    test(`a chunked request that is malformed ${what} is answered with 400`, async (t) => {
      const head = 'POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
      const received = await pipeline(t, get('/a'), head + body);
      assert.match(received, /\/aHTTP\/1\.1 400 /);
    });
  }

  test('so is one that comes after a declined upgrade', async (t) => {
    const head = 'POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    const upgrade = get('/a', 'Connection: Upgrade', 'Upgrade: websocket');
    const received = await pipeline(t, upgrade, `${head}3\r\nabc\r\nzz\r\n`);
    assert.match(received, /\/aHTTP\/1\.1 400 /);
  });

  test('an empty line between requests is passed over, a second one is not', async (t) => {
    assert.match(
      await pipeline(t, get('/a'), '\r\n', get('/b'), '\r\n\r\n', get('/c')),
      /\/aHTTP(?:.*\r\n)*\r\n\/bHTTP\/1\.1 400 /,
    );
  });
});

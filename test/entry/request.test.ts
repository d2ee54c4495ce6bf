import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { clock } from '../../src/runtime/deadline-timers.ts';
import { collect, isBuffered } from '../../src/http/body/body.ts';
import type { RequestContext } from '../../src/http/context.ts';
import { answerPath, blockAfterReading, get, startEntry } from '../support/entry.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';

async function answerBody({ request, response }: RequestContext): Promise<void> {
  const body = await request.readBody(1 << 30);
  response.status = 200;
  response.body = Buffer.from(`${request.path}:${body.length}`);
}

function post(path: string, body: string, ...fields: string[]): string {
  const head = [`POST ${path} HTTP/1.1`, 'Host: test', `Content-Length: ${body.length}`, ...fields];
  return [...head, '', body].join('\r\n');
}

suite('requests on a connection', () => {
  test('a kept-alive connection answers one after the other', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    for (const path of ['/a', '/b', '/c']) {
      client.send(get(path));
      await client.until(new RegExp(`${path}$`));
    }
    assert.equal(entry.inspect().total, 3);
    assert.equal(entry.inspect().connections, 1);
  });

  test('pipelined requests run in order, one at a time', async (t) => {
    let running = 0;
    let most = 0;
    const { port } = await startEntry(t, async (context) => {
      most = Math.max(most, ++running);
      await sleep(context.request.path === '/0' ? 50 : 1);
      running--;
      answerPath(context);
    });
    const client = await RawConnection.connect(t, port);
    client.send(Array.from({ length: 8 }, (_, i) => get(`/${i}`)).join(''));
    await eventually('eight answers', () => client.responses === 8);
    const order = [...client.received.matchAll(/\r\n\r\n\/(\d)/g)].map((match) => match[1]);
    assert.equal(order.join(''), '01234567');
    assert.equal(most, 1);
  });

  test('a thousand pipelined requests are held back and all answered', async (t) => {
    const { port } = await startEntry(t, async (context) => {
      await sleep(0);
      answerPath(context);
    });
    const client = await RawConnection.connect(t, port);
    client.send(Array.from({ length: 1000 }, (_, i) => get(`/${i}`)).join(''));
    await eventually('all answers', () => client.responses === 1000);
    assert.match(client.received, /\/999$/);
  });

  test('pipelined requests with bodies', async (t) => {
    const { port } = await startEntry(t, answerBody);
    const client = await RawConnection.connect(t, port);
    client.send(post('/a', 'x'.repeat(70_000)) + post('/b', '') + post('/c', 'yy') + get('/d'));
    await eventually('four answers', () => client.responses === 4);
    for (const answer of ['/a:70000', '/b:0', '/c:2', '/d:0'])
      assert.ok(client.received.includes(answer));
  });

  test('a chunked body arrives with its trailers', async (t) => {
    let trailers: readonly string[] | undefined;
    const { port } = await startEntry(t, async ({ request, response }) => {
      const { body } = request;
      assert.ok(body !== null && !Buffer.isBuffer(body));
      let text = '';
      await new Promise<void>((resolve, reject) => {
        body.start({
          write: (chunk) => ((text += chunk.toString()), true),
          end(received) {
            trailers = received;
            resolve();
          },
          fail: reject,
        });
      });
      response.status = 200;
      response.body = Buffer.from(`got ${text}`);
    });
    const client = await RawConnection.connect(t, port);
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n',
    );
    await client.until(/got abcde$/);
    assert.deepEqual(trailers, ['X-Sum', '5']);
  });

  test('a body has no more trailers than a head may have fields', async (t) => {
    const { port } = await startEntry(t, async ({ request, response }) => {
      response.status = 200;
      response.body = await request.readBody(100);
    });
    for (const [count, answer] of [
      [200, /^HTTP\/1\.1 200 /],
      [201, /^HTTP\/1\.1 400 .*too many trailers/s],
    ] as const) {
      const client = await RawConnection.connect(t, port);
      const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
      client.send(`${head}3\r\nabc\r\n0\r\n${'a:\r\n'.repeat(count)}\r\n`);
      await client.until(answer);
    }
  });

  test('an empty line before a request may come in parts', async (t) => {
    const { port } = await startEntry(t, ({ response }) => {
      response.status = 204;
    });
    const client = await RawConnection.connect(t, port);
    for (const byte of '\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n') {
      client.send(byte);
      // oxlint-disable-next-line no-await-in-loop -- each is to be read by itself
      await sleep(2);
    }
    await client.until(/^HTTP\/1\.1 204 /);
    client.send('\r');
    await sleep(5);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until(/HTTP\/1\.1 400 /);
  });

  test('an absolute target becomes origin form, and its authority is the host', async (t) => {
    const { port } = await startEntry(t, ({ request, response }) => {
      response.status = 200;
      response.body = Buffer.from(`${request.target} ${request.headers.getAll('host').join()}`);
    });
    const client = await RawConnection.connect(t, port);
    client.send(get('http://real.example:80/a%20b?c=d').replace('Host: test', 'Host: ignored'));
    await client.until(/\/a%20b\?c=d real\.example:80$/);
  });

  test('backpressure reaches the client that uploads', async (t) => {
    let resume: (() => void) | undefined;
    let seen = 0;
    const { port } = await startEntry(t, async ({ request, response }) => {
      const { body } = request;
      assert.ok(body !== null && !Buffer.isBuffer(body));
      await new Promise<void>((resolve, reject) => {
        body.start({
          write(chunk) {
            seen += chunk.length;
            if (resume !== undefined) return true;
            resume = () => body.resume();
            return false;
          },
          end: () => resolve(),
          fail: reject,
        });
      });
      response.status = 200;
      response.body = Buffer.from(`${seen}`);
    });
    const size = 32 << 20;
    const client = await RawConnection.connect(t, port);
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
    client.socket.write(Buffer.alloc(size));
    await eventually('the first chunk', () => resume !== undefined);
    await sleep(200);
    assert.ok(seen < 1 << 20, `${seen} bytes were pushed although the sink was full`);
    assert.ok(client.socket.writableLength > 1 << 20, 'the client was not held back');
    resume?.();
    await client.until(new RegExp(`\r\n\r\n${size}$`));
  });

  test('a client that goes away within its body fails the body', async (t) => {
    let reason: unknown;
    const { port, entry } = await startEntry(t, async ({ request }) => {
      reason = await collect(request.body, 1 << 20).catch((error: unknown) => error);
      throw reason;
    });
    const client = await RawConnection.connect(t, port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    await eventually('the request', () => entry.inspect().requests === 1);
    client.socket.destroy();
    await eventually('the failure', () => reason !== undefined);
    assert.equal((reason as { code?: string }).code, 'CLIENT_GONE');
  });
});

suite('bodies that nobody reads', () => {
  test('a short one is skipped and the connection goes on', async (t) => {
    const { port } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.send(post('/a', 'x'.repeat(20_000)) + get('/b'));
    await client.until(/\/b$/);
    assert.equal(client.ended, false);
  });

  test('a long one ends the connection, and the answer still arrives', async (t) => {
    const { port } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.send(`POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: ${50 << 20}\r\n\r\n`);
    client.socket.write(Buffer.alloc(5 << 20));
    await client.untilEnded();
    assert.match(client.received, /Connection: close\r\n(?:.*\r\n)*\r\n\/early$/);
  });
});

suite('a response that is complete before the request', () => {
  /** Answers with what came first, and leaves the rest to whoever wants it. */
  function answerFirstBytes({ request, response }: RequestContext): void | Promise<void> {
    const body = request.takeBody();
    if (isBuffered(body)) return answerPath({ request, response } as RequestContext);
    return new Promise((resolve) => {
      body.start({
        write(chunk) {
          response.body = Buffer.from(`first: ${chunk.toString()}`);
          resolve();
          return true;
        },
        end() {},
        fail() {},
      });
    });
  }
  const large = 'x'.repeat(300_000);
  const requests: Record<string, [string, string]> = {
    'chunked, its end missing': ['Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n', '0\r\n\r\n'],
    'chunked, much of it missing': [
      'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`,
    ],
    'of known length': [`Content-Length: ${large.length + 5}\r\n\r\nhello`, large],
  };
  for (const [name, [first, rest]] of Object.entries(requests)) {
    test(`${name}: a connection that was said to stay takes the rest, and the next request`, async (t) => {
      const { port, entry } = await startEntry(t, answerFirstBytes);
      const client = await RawConnection.connect(t, port);
      client.send(`POST /a HTTP/1.1\r\nHost: a\r\n${first}`);
      await client.until(/first: hello$/);
      assert.doesNotMatch(client.received, /Connection: close/);
      await eventually('the end of the exchange', () => entry.inspect().requests === 0);
      client.send(rest + get('/b'));
      await client.until(/\/b$/);
      assert.equal(client.ended, false);
    });
  }
});

suite('Expect: 100-continue', () => {
  const head = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n';

  test('is answered when somebody reads the body', async (t) => {
    const { port } = await startEntry(t, answerBody);
    const client = await RawConnection.connect(t, port);
    client.send(head);
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.send(`abc${get('/b')}`);
    await client.until(/\/a:3HTTP(?:.*\r\n)*\r\n\/b:0$/);
  });

  test('is not answered when nobody does', async (t) => {
    const { port } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.send(head);
    await client.untilEnded();
    assert.match(client.received, /^HTTP\/1\.1 200 /);
    assert.doesNotMatch(client.received, / 100 /);
  });

  test('other expectations cannot be met', async (t) => {
    const { port } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.send(get('/', 'Expect: wonders') + get('/b'));
    await client.until(
      /^HTTP\/1\.1 417 (?:.*\r\n)*\r\n.*EXPECTATION_FAILED.*HTTP(?:.*\r\n)*\r\n\/b$/,
    );
  });
});

suite('what is not served', () => {
  for (const [name, text, expected] of [
    ['garbage', 'hello\r\n\r\n', /^HTTP\/1\.1 400 (?:.*\r\n)*\r\n.*REQUEST_MALFORMED/],
    ['a head without Host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['a head that is too large', get('/', `X: ${'x'.repeat(40_000)}`), /^HTTP\/1\.1 431 /],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      /^HTTP\/1\.1 400 /,
    ],
    [
      'CONNECT',
      'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
      /^HTTP\/1\.1 405 (?:.*\r\n)*\r\n.*METHOD_NOT_ALLOWED/,
    ],
  ] as const) {
    test(`${name} is refused and the connection ends`, async (t) => {
      const { port, entry } = await startEntry(t, answerPath);
      const client = await RawConnection.connect(t, port);
      client.send(text);
      await client.untilEnded();
      assert.match(client.received, expected);
      client.socket.end();
      await eventually('close', () => entry.inspect().connections === 0);
    });
  }

  test('garbage behind good requests does not take their answers away', async (t) => {
    const { port } = await startEntry(t, async (context) => {
      await sleep(20);
      answerPath(context);
    });
    const client = await RawConnection.connect(t, port);
    client.send(`${get('/a') + get('/b')}garbage\r\n\r\n`);
    await client.untilEnded();
    assert.match(client.received, /\/aHTTP(?:.*\r\n)*\r\n\/bHTTP\/1\.1 400 /);
  });

  test('a malformed chunk fails the body and is answered 400', async (t) => {
    const { port } = await startEntry(t, answerBody);
    const client = await RawConnection.connect(t, port);
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n',
    );
    await client.untilEnded();
    assert.match(client.received, /^HTTP\/1\.1 400 /);
    assert.equal(client.responses, 1);
  });

  test('a head that does not come to its end is cut with 408', async (t) => {
    const { port } = await startEntry(t, answerPath, {
      config: { head_timeout: 200 },
    });
    const client = await RawConnection.connect(t, port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n');
    await client.untilEnded();
    assert.match(client.received, /^HTTP\/1\.1 408 (?:.*\r\n)*\r\n.*REQUEST_TIMEOUT/);
  });

  for (const [limit, config] of [
    ['read_timeout', { read_timeout: 200 }],
    ['request_timeout', { request_timeout: 200 }],
  ] as const) {
    test(`a body that does not come to its end is cut with 408: ${limit}`, async (t) => {
      const read = async (context: RequestContext): Promise<void> => {
        await context.request.readBody(1000);
      };
      const { port } = await startEntry(t, read, { config });
      const client = await RawConnection.connect(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc');
      await client.untilEnded();
      assert.match(client.received, /^HTTP\/1\.1 408 (?:.*\r\n)*\r\n.*REQUEST_TIMEOUT/);
    });
  }

  test('a body that nobody reads does not come to its end: the connection is cut', async (t) => {
    const { port } = await startEntry(t, answerPath, { config: { read_timeout: 200 } });
    const client = await RawConnection.connect(t, port);
    client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc');
    await client.until(/\/a/);
    await client.untilEnded();
  });

  test('a request that arrived in time is answered, however late it is read', async (t) => {
    const { port } = await startEntry(t, answerPath, { config: { idle_timeout: 300 } });
    const client = await RawConnection.connect(t, port);
    client.send(get('/a'));
    await client.until(/\/a$/);
    await blockAfterReading(600, () => client.send(get('/b')));
    await client.until(/\/b$/);
  });

  test('a request that arrived just in time is read before its connection is ended', async (t) => {
    const { port } = await startEntry(t, answerPath, { config: { idle_timeout: 5000 } });
    const client = await RawConnection.connect(t, port);
    client.send(get('/a'));
    await client.until(/\/a$/);
    await blockAfterReading(100, () => {
      client.send(get('/b'));
      clock.now += 10_000;
    });
    await client.until(/\/b$/);
  });

  test('a kept connection is ended after its time, without a reset', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { config: { idle_timeout: 100 } });
    const client = await RawConnection.connect(t, port);
    client.send(get('/a'));
    await client.untilEnded();
    assert.match(client.received, /\/a$/);
    await eventually('close', () => entry.inspect().connections === 0);
  });
});

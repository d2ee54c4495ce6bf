import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BodySink, BodySource } from '../../../src/http/body/body.ts';
import type { RequestContext } from '../../../src/http/context.ts';
import { GatewayError } from '../../../src/errors.ts';
import { answerPath, get, startEntry } from '../../support/entry.ts';
import { eventually } from '../../support/eventually.ts';
import { RawConnection } from '../../support/raw-connection.ts';

/** A body that the test pushes. */
class TestBody implements BodySource {
  length: number | undefined;
  sink: BodySink | null = null;
  cancelled = false;
  resumed = 0;
  constructor(length?: number) {
    this.length = length;
  }
  start(sink: BodySink): void {
    this.sink = sink;
  }
  resume(): void {
    this.resumed++;
  }
  cancel(): void {
    this.cancelled = true;
  }
}

function streaming(body: TestBody) {
  return ({ response }: RequestContext): void => {
    response.status = 200;
    response.body = body;
  };
}

suite('a response on the wire', () => {
  test('keeps the case and order of its fields and gets the length its body has', async (t) => {
    const { port } = await startEntry(t, ({ response }) => {
      response.status = 203;
      response.statusText = 'Fine';
      response.headers.append('X-oPaQue-ID', 'a');
      response.headers.append('content-LENGTH', '999');
      response.headers.append('set-cookie', 'a=1');
      response.headers.append('Set-Cookie', 'b=2');
      response.headers.append('Transfer-Encoding', 'chunked');
      response.body = Buffer.from('hello');
    });
    const client = await RawConnection.connect(t, port);
    client.send(get());
    await client.until(/hello$/);
    assert.match(
      client.received,
      /^HTTP\/1\.1 203 Fine\r\nX-oPaQue-ID: a\r\nset-cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 5\r\n/,
    );
    assert.doesNotMatch(client.received, /999|chunked/);
  });

  test('HEAD tells the length and has no body; the connection goes on', async (t) => {
    const { port } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.send(get('/12345').replace('GET', 'HEAD') + get('/next'));
    await client.until(/\/next$/);
    assert.match(client.received, /Content-Length: 6\r\n(?:.*\r\n)*?\r\nHTTP\/1\.1 200/);
  });

  test('HEAD and 304 keep the length that the upstream told', async (t) => {
    const { port } = await startEntry(t, ({ request, response }) => {
      response.status = request.method === 'HEAD' ? 200 : 304;
      response.headers.append('Content-Length', '1234');
      response.headers.append('Trailer', 'X');
    });
    const client = await RawConnection.connect(t, port);
    client.send(get().replace('GET', 'HEAD') + get());
    await eventually('two responses', () => client.responses === 2);
    assert.equal(client.received.match(/Content-Length: 1234\r\n/g)?.length, 2);
  });

  test('204 has neither body nor length', async (t) => {
    const { port } = await startEntry(t, ({ response }) => {
      response.status = 204;
      response.body = Buffer.from('never');
    });
    const client = await RawConnection.connect(t, port);
    client.send(get() + get());
    await eventually('two responses', () => client.responses === 2);
    assert.doesNotMatch(client.received, /never|Content-Length|Transfer-Encoding/);
  });

  test('a streamed body of unknown length is chunked, with its trailers', async (t) => {
    const body = new TestBody();
    const { port } = await startEntry(t, streaming(body));
    const client = await RawConnection.connect(t, port);
    client.send(get());
    await eventually('start', () => body.sink !== null);
    body.sink?.write(Buffer.from('abc'));
    await client.until(/3\r\nabc\r\n/);
    body.sink?.end(['X-Sum', '7']);
    await client.until(/0\r\nX-Sum: 7\r\n\r\n$/);
    assert.match(client.received, /Transfer-Encoding: chunked/);
  });

  test('HTTP/1.0 clients get no chunks: the end of the connection ends the body', async (t) => {
    const body = new TestBody();
    const { port } = await startEntry(t, streaming(body));
    const client = await RawConnection.connect(t, port);
    client.send('GET / HTTP/1.0\r\n\r\n');
    await eventually('start', () => body.sink !== null);
    body.sink?.write(Buffer.from('abc'));
    body.sink?.end();
    await client.untilEnded();
    assert.match(client.received, /\r\n\r\nabc$/);
    assert.doesNotMatch(client.received, /chunked/);
  });

  for (const [name, version, length] of [
    ['chunked', '1.1', undefined],
    ['of known length', '1.1', 10],
    ['to an HTTP/1.0 client', '1.0', undefined],
  ] as const) {
    test(`a failure in the middle of a body ${name} never looks like its end`, async (t) => {
      const body = new TestBody(length);
      const { port } = await startEntry(t, streaming(body));
      const client = await RawConnection.connect(t, port);
      client.send(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`);
      await eventually('start', () => body.sink !== null);
      body.sink?.write(Buffer.from('abc'));
      await client.until(/abc/);
      body.sink?.fail(new Error('upstream broke'));
      await eventually('the end', () => client.socket.destroyed);
      assert.doesNotMatch(client.received, /0\r\n\r\n$/);
      if (version === '1.0') assert.match(String(client.error), /ECONNRESET/);
    });
  }

  for (const [name, pieces] of [
    ['shorter', ['abc']],
    ['longer', ['abcdef', 'ghijkl']],
  ] as const) {
    test(`a body ${name} than announced breaks the connection off`, async (t) => {
      const body = new TestBody(10);
      const { port } = await startEntry(t, streaming(body));
      const client = await RawConnection.connect(t, port);
      client.send(get());
      await eventually('start', () => body.sink !== null);
      for (const piece of pieces) body.sink?.write(Buffer.from(piece));
      body.sink?.end();
      await eventually('the end', () => client.socket.destroyed);
      assert.doesNotMatch(client.received, /ghijkl/);
    });
  }

  test('a slow reader holds the source back', async (t) => {
    const body = new TestBody();
    const { port } = await startEntry(t, streaming(body));
    const client = await RawConnection.connect(t, port);
    client.socket.pause();
    client.send(get());
    await eventually('start', () => body.sink !== null);
    const chunk = Buffer.alloc(64 << 10, 'x');
    let sent = 0;
    // The kernel's buffers take some; then nothing moves any more.
    for (let seen = -1; seen !== body.resumed; ) {
      seen = body.resumed;
      let room: boolean | undefined = true;
      while (room) {
        room = body.sink?.write(chunk);
        sent += chunk.length;
        assert.ok(sent < 64 << 20, 'the writer never says that it is full');
      }
      await sleep(100);
    }
    const before = body.resumed;
    client.socket.resume();
    await eventually('resume', () => body.resumed === before + 1);
    body.sink?.end();
    await client.until(/0\r\n\r\n$/);
  });

  test('a client that goes away aborts the request and cancels its body', async (t) => {
    const body = new TestBody();
    const contexts: RequestContext[] = [];
    const { port, entry } = await startEntry(t, (context) => {
      contexts.push(context);
      streaming(body)(context);
    });
    const client = await RawConnection.connect(t, port);
    client.send(get());
    await eventually('start', () => body.sink !== null);
    client.socket.destroy();
    await eventually('cancel', () => body.cancelled);
    assert.equal(contexts[0]?.aborted, true);
    await eventually('no request', () => entry.inspect().requests === 0);
  });

  test('a client that goes away while its flow waits aborts it', async (t) => {
    let aborted = false;
    let started = false;
    const { port, entry, logged } = await startEntry(t, (context) => {
      started = true;
      return new Promise((_resolve, reject) => {
        context.onAbort({
          clientGone() {
            aborted = true;
            reject(new GatewayError('CLIENT_GONE'));
          },
        });
      });
    });
    const client = await RawConnection.connect(t, port);
    client.send(get());
    await eventually('start', () => started);
    client.socket.destroy();
    await eventually('abort', () => aborted);
    await eventually('close', () => entry.inspect().connections === 0);
    assert.deepEqual(
      logged.filter((line) => /"level":50/.test(line)),
      [],
    );
  });
});

suite('an error', () => {
  for (const [name, thrown, expected] of [
    [
      'of the gateway',
      new GatewayError('BODY_TOO_LARGE', { limit: 5 }),
      [413, 'BODY_TOO_LARGE', 'the body exceeds 5 bytes'],
    ],
    [
      'that names internals',
      new GatewayError('UPSTREAM_CONNECT', {
        node: 'http://10.1.2.3:9200',
        reason: 'ECONNREFUSED',
      }),
      [502, 'UPSTREAM_CONNECT', 'cannot connect to the upstream node'],
    ],
    ['nobody foresaw', new TypeError('secret of /etc'), [500, 'INTERNAL', 'internal error']],
  ] as const) {
    for (const how of ['thrown', 'rejected'] as const) {
      test(`${name}, ${how}, is answered once and keeps the connection`, async (t) => {
        const { port, logged } = await startEntry(t, () => {
          if (how === 'thrown') throw thrown;
          return Promise.reject(thrown);
        });
        const client = await RawConnection.connect(t, port);
        client.send(get());
        await client.until(/\}$/);
        const [head, body = ''] = client.received.split('\r\n\r\n');
        const [status, type, reason] = expected;
        assert.match(
          head ?? '',
          new RegExp(`^HTTP/1.1 ${status} .*\r\nContent-Type: application/json\r\n`),
        );
        assert.deepEqual(JSON.parse(body), { error: { type, reason }, status });
        const errors = logged.filter((line) => line.includes('"level":50'));
        assert.equal(errors.length, status === 500 ? 1 : 0);
        client.send(get());
        await eventually('a second answer', () => client.responses === 2);
      });
    }
  }

  test('404 says NOT FOUND', async (t) => {
    const { port } = await startEntry(t, () => {
      throw new GatewayError('ROUTE_NOT_FOUND');
    });
    const client = await RawConnection.connect(t, port);
    client.send(get());
    await client.until(/^HTTP\/1\.1 404 (?:.*\r\n)*\r\nNOT FOUND$/);
  });

  test('a flow that gave no response means 404', async (t) => {
    const { port } = await startEntry(t, ({ response }) => response.headers.set('X-Seen', 'yes'));
    const client = await RawConnection.connect(t, port);
    client.send(get());
    await client.until(
      /^HTTP\/1\.1 404 (?:.*\r\n)*X-Seen: yes\r\n(?:.*\r\n)*\r\n.*REQUEST_UNANSWERED.*\}$/,
    );
  });

  test('a flow that gave a body and no status means 200', async (t) => {
    const { port } = await startEntry(t, ({ response }) => {
      response.body = Buffer.alloc(0);
    });
    const client = await RawConnection.connect(t, port);
    client.send(get());
    await client.until(/^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*Content-Length: 0\r\n(?:.*\r\n)*\r\n$/);
  });

  test('a header that cannot be written is an internal error', async (t) => {
    const { port } = await startEntry(t, ({ response }) => {
      response.status = 200;
      response.headers.append('X-Bad', 'a\r\nSet-Cookie: evil');
      response.body = Buffer.from('x');
    });
    const client = await RawConnection.connect(t, port);
    client.send(get());
    await client.until(/^HTTP\/1\.1 500 /);
    assert.doesNotMatch(client.received, /evil/);
  });
});

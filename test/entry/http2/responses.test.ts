import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Body, BodySource } from '../../../src/http/body/body.ts';
import { HeaderList } from '../../../src/http/headers/header-list.ts';
import { answerOf, askHttp2, startHttp2 } from '../../support/http2-client.ts';
import { block, type Field, flags, frame, frameTypes, RawHttp2 } from '../../support/raw-http2.ts';
import { eventually } from '../../support/eventually.ts';

const { DATA, HEADERS, RST_STREAM } = frameTypes;

const post = (length?: number): Field[] => [
  [':method', 'POST'],
  [':scheme', 'https'],
  [':path', '/'],
  [':authority', 'gate.test'],
  ...(length === undefined ? [] : [['content-length', `${length}`] as const]),
];

/** A response body that is written and ended in one go. */
function source(parts: readonly string[], trailers?: readonly string[]): BodySource {
  return {
    length: undefined,
    start(sink) {
      for (const part of parts) sink.write(Buffer.from(part));
      sink.end(trailers);
    },
    resume: () => {},
    cancel: () => {},
  };
}

async function trailersOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  return (await answerOf(stream)).trailers;
}

suite('responses over HTTP/2', { timeout: 60_000 }, () => {
  const early: [string, number | undefined, string, Body][] = [
    ['in memory, all of the announced body in', 5, 'hello', Buffer.from('early')],
    ['streamed, all of the announced body in', 5, 'hello', source(['early'])],
    ['with trailers, the body without a length', undefined, 'hel', source(['early'], ['x-t', '1'])],
    ['with trailers, in the middle of the body', 500, 'hello', source(['early'], ['x-t', '1'])],
  ];
  for (const [name, length, sent, body] of early) {
    test(`a response before the end of the request is whole: ${name}`, async (t) => {
      const { port, entry } = await startHttp2(t, ({ response }) => {
        response.status = 200;
        response.body = body;
      });
      const raw = await RawHttp2.connect(t, port);
      raw.send(
        frame(HEADERS, flags.endHeaders, 1, block(post(length))),
        frame(DATA, 0, 1, Buffer.from(sent)),
      );
      await eventually('END_STREAM', () =>
        raw.frames.some((one) => one.stream === 1 && (one.flags & flags.endStream) !== 0),
      );
      const types = raw.frames.filter(({ stream }) => stream === 1).map(({ type }) => type);
      assert.ok(!types.includes(RST_STREAM), `a reset before the end: ${types.join()}`);
      // A client that does not end its request is not waited for without end.
      assert.equal((await raw.next(RST_STREAM, 1))?.payload.readUInt32BE(0), 0);
      await eventually('the end of the request', () => entry.inspect().requests === 0);
    });
  }

  test('a client that ends its request after the response is not reset', async (t) => {
    const { port, entry } = await startHttp2(t, ({ response }) => {
      response.status = 200;
      response.body = Buffer.from('early');
    });
    const raw = await RawHttp2.connect(t, port);
    raw.send(
      frame(HEADERS, flags.endHeaders, 1, block(post(5))),
      frame(DATA, 0, 1, Buffer.from('hello')),
    );
    await raw.next(DATA, 1);
    await sleep(300);
    raw.send(frame(DATA, flags.endStream, 1));
    await eventually('the end of the request', () => entry.inspect().requests === 0);
    raw.send(frame(HEADERS, flags.endHeaders | flags.endStream, 3, block(post())));
    assert.ok(await raw.next(HEADERS, 3));
    assert.ok(!raw.frames.some(({ type }) => type === RST_STREAM));
  });

  test('a response without a body is a head alone', async (t) => {
    const { port } = await startHttp2(t, ({ response }) => {
      response.status = 200;
      response.headers = new HeaderList(['grpc-status', '5']);
    });
    const raw = await RawHttp2.connect(t, port);
    raw.send(frame(HEADERS, flags.endHeaders | flags.endStream, 1, block(post())));
    const head = await raw.next(HEADERS, 1);
    assert.equal((head?.flags ?? 0) & flags.endStream, flags.endStream);
  });

  test('trailers that would change the message are left out, the others are passed on', async (t) => {
    const { client } = await startHttp2(t, ({ response }) => {
      response.status = 200;
      response.body = source(
        ['a'],
        ['Content-Length', '100', 'X-Sum', '7', 'Set-Cookie', 'a=b', 'Connection', 'x', 'TE', 'y'],
      );
    });
    const trailers = await trailersOf(client.request());
    assert.deepEqual(Object.entries(trailers), [['x-sum', '7']]);
  });

  test('fields that a node repeats come as often as over HTTP/1.1', async (t) => {
    const repeated = ['Date', 'Content-Type', 'ETag', 'Location', 'Last-Modified', 'Age', 'Server'];
    const { client, logged } = await startHttp2(t, ({ response }) => {
      response.status = 200;
      response.headers = new HeaderList(repeated.flatMap((name) => [name, '"1"', name, '"2"']));
      response.body = Buffer.from('body');
    });
    const stream = client.request();
    let raw: string[] = [];
    stream.on('response', (_headers, _flags, fields?: string[]) => (raw = fields ?? []));
    assert.equal((await answerOf(stream)).body, 'body');
    for (const name of repeated) {
      const count = raw.filter((field) => field === name.toLowerCase()).length;
      assert.equal(count, 2, name);
    }
    assert.ok(!logged.some((line) => line.includes('"level":50')), logged.join(''));
  });

  test('statuses that only some servers use are passed on, with their bodies', async (t) => {
    const { client, logged } = await startHttp2(t, ({ request, response }) => {
      response.status = Number(request.path.slice(1));
      response.body = request.method === 'PUT' ? source(['body']) : Buffer.from('body');
    });
    for (const status of [205, 299, 420, 599, 600, 777, 999]) {
      for (const method of ['GET', 'PUT']) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other, so that a failure is clear
        const answer = await askHttp2(client, { ':path': `/${status}`, ':method': method });
        assert.equal(answer.status, status);
        assert.equal(answer.body, 'body', `${method} ${status}`);
      }
    }
    const head = await askHttp2(client, { ':path': '/999', ':method': 'HEAD' });
    assert.equal(head.status, 999);
    assert.deepEqual(logged, []);
  });

  test('a status that ends no exchange is an error', async (t) => {
    const { client } = await startHttp2(t, ({ request, response }) => {
      response.status = Number(request.path.slice(1));
    });
    for (const status of [101, 103, 1000, 200.5]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, so that a failure is clear
      assert.equal((await askHttp2(client, { ':path': `/${status}` })).status, 500, `${status}`);
    }
  });

  test('interim fields that must not be in a message are left out, and the response comes', async (t) => {
    const { client } = await startHttp2(t, (context) => {
      context.interim?.inform(103, ['Link', '</a>\r\nx: y']);
      context.response.status = 200;
    });
    assert.equal((await askHttp2(client)).status, 200);
  });

  test('interim fields that HTTP/2 does not know do not end the worker', async (t) => {
    const { client } = await startHttp2(t, (context) => {
      context.interim?.inform(103, ['Link', '</a>', 'Connection', 'x', 'Keep-Alive', 'timeout=1']);
      context.response.status = 200;
    });
    const stream = client.request();
    const [headers] = (await once(stream, 'headers')) as [IncomingHttpHeaders];
    assert.equal(headers['link'], '</a>');
    assert.equal((await answerOf(stream)).status, 200);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2, { type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { type BodySource, collect } from '../../src/http/body/body.ts';
import type { RequestContext } from '../../src/http/context.ts';
import type { GatewayError } from '../../src/errors.ts';
import { answerPath, type Setup, startEntry } from '../support/entry.ts';
import { block, flags, frame, frameTypes, RawHttp2, uint32 } from '../support/raw-http2.ts';
import { withTls } from '../support/tls.ts';
import { eventually } from '../support/eventually.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

type Handle = (context: RequestContext) => void | Promise<void>;

async function start(t: TestContext, handle: Handle, setup: Setup = {}) {
  const config = { ...withTls(), ...setup.config };
  const started = await startEntry(t, handle, { ...setup, config });
  return { ...started, client: connect(t, started.port) };
}

function connect(t: TestContext, port: number): ClientHttp2Session {
  const client = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  client.on('error', () => {});
  t.after(() => client.destroy());
  return client;
}

async function ask(
  client: ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders | readonly string[] = {},
  body?: Buffer | string,
): Promise<Answer> {
  const stream = client.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

async function answerOf(stream: http2.ClientHttp2Stream): Promise<Answer> {
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (fields: IncomingHttpHeaders) => (trailers = fields));
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const status = Number(headers[':status']);
  return { status, headers, body: Buffer.concat(chunks).toString(), trailers };
}

/** Waits until the entry has got all that was written to the stream. */
async function arrived(client: ClientHttp2Session, stream: http2.ClientHttp2Stream): Promise<void> {
  await eventually('the body to go out', () => stream.writableLength === 0);
  await new Promise<void>((resolve, reject) => {
    client.ping((error) => (error ? reject(error) : resolve()));
  });
}

/** Answers with the request as the flow sees it. */
async function mirror({ request, response, client }: RequestContext): Promise<void> {
  const body = await collect(request.body, 1 << 20);
  response.status = 200;
  response.headers.append('X-Tls', `${client.tls}`);
  response.body = Buffer.from(
    JSON.stringify({
      method: request.method,
      target: request.target,
      headers: request.headers.asArray(),
      body: body.toString(),
    }),
  );
}

suite('HTTP/2', () => {
  test('a request looks to the flow like any other', async (t) => {
    const { client, entry } = await start(t, mirror);
    const answer = await ask(
      client,
      {
        ':method': 'POST',
        ':path': '/a%20b?c=d',
        'content-type': 'text/plain',
        cookie: ['a=1', 'b=2'],
        'x-two': ['1', '2'],
      },
      'hello',
    );
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-tls'], 'true');
    const seen = JSON.parse(answer.body) as { headers: string[] };
    const { headers, ...rest } = seen;
    assert.deepEqual(rest, { method: 'POST', target: '/a%20b?c=d', body: 'hello' });
    assert.deepEqual(headers.slice(0, 1), ['host']);
    const fields = new Map<string, string[]>();
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      fields.set(name, [...(fields.get(name) ?? []), headers[i + 1] as string]);
    }
    assert.match(String(fields.get('host')), /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(fields.get('cookie'), ['a=1; b=2']);
    assert.deepEqual(fields.get('x-two'), ['1', '2']);
    assert.ok(![...fields.keys()].some((name) => name.startsWith(':')));
    assert.equal(entry.inspect().total, 1);
    await eventually('the end of the request', () => entry.inspect().requests === 0);
  });

  test('many requests at one time, each with its own answer', async (t) => {
    const { client, entry } = await start(t, answerPath);
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) => ask(client, { ':path': `/${i}` })),
    );
    for (const [i, answer] of answers.entries()) assert.equal(answer.body, `/${i}`);
    assert.equal(entry.inspect().connections, 1);
    assert.equal(entry.inspect().total, 300);
  });

  test('fields that belong to a connection of HTTP/1 do not pass', async (t) => {
    const { client } = await start(t, ({ response }) => {
      response.status = 200;
      response.statusText = 'Fine';
      for (const name of ['Connection', 'Keep-Alive', 'Transfer-Encoding', 'Upgrade']) {
        response.headers.append(name, 'x');
      }
      response.headers.append('Set-Cookie', 'a');
      response.headers.append('Set-Cookie', 'b');
      response.headers.append('X-Upper', 'Y');
      response.body = Buffer.from('x');
    });
    const { headers } = await ask(client);
    for (const name of ['connection', 'keep-alive', 'transfer-encoding', 'upgrade']) {
      assert.equal(headers[name], undefined, name);
    }
    assert.deepEqual(headers['set-cookie'], ['a', 'b']);
    assert.equal(headers['x-upper'], 'Y');
    assert.equal(headers['content-length'], '1');
  });

  test('HEAD, 204 and 304 have no body; an error has one', async (t) => {
    const { client } = await start(t, ({ request, response }) => {
      if (request.path === '/throw') throw new Error('no');
      response.status = Number(request.path.slice(1));
      response.body = Buffer.from('body');
    });
    const head = await ask(client, { ':method': 'HEAD', ':path': '/200' });
    assert.equal(head.body, '');
    assert.equal(head.headers['content-length'], '4');
    assert.equal((await ask(client, { ':path': '/204' })).body, '');
    assert.equal((await ask(client, { ':path': '/304' })).body, '');
    const error = await ask(client, { ':path': '/throw' });
    assert.equal(error.status, 500);
    assert.match(error.body, /"type":"INTERNAL"/);
  });

  test('bodies and trailers stream both ways', async (t) => {
    const { client } = await start(t, ({ request, response }) => {
      response.status = 200;
      response.headers.append('Trailer', 'X-Sum');
      response.body = request.body;
    });
    const stream = client.request({ ':method': 'POST' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
    const answering = answerOf(stream);
    stream.write('one ');
    await once(stream, 'response');
    stream.end('two');
    const answer = await answering;
    assert.equal(answer.body, 'one two');
    assert.equal(answer.trailers['x-sum'], '42');
  });

  test('a client that does not read makes the source pause; it goes on when it reads', async (t) => {
    let written = 0;
    let pauses = 0;
    const total = 8 << 20;
    const { client } = await start(t, ({ response }) => {
      response.status = 200;
      let resume = (): void => {};
      response.body = {
        length: total,
        start(sink) {
          const chunk = Buffer.alloc(64 << 10);
          resume = () => {
            while (written < total) {
              written += chunk.length;
              if (!sink.write(chunk)) {
                pauses++;
                return;
              }
            }
            sink.end();
          };
          resume();
        },
        resume: () => resume(),
        cancel: () => {},
      };
    });
    const stream = client.request();
    stream.pause();
    await once(stream, 'response');
    await sleep(300);
    assert.ok(written < total / 2, `${written} bytes were pushed to a client that reads none`);
    let read = 0;
    for await (const chunk of stream) read += (chunk as Buffer).length;
    assert.equal(read, total);
    assert.ok(pauses > 0);
  });

  test('a flow that does not read makes the client pause', async (t) => {
    const gate = Promise.withResolvers<void>();
    const { client } = await start(t, async ({ request, response }) => {
      await gate.promise;
      const body = await collect(request.body, 16 << 20);
      response.status = 200;
      response.body = Buffer.from(`${body.length}`);
    });
    const stream = client.request({ ':method': 'POST' });
    const answering = answerOf(stream);
    const chunk = Buffer.alloc(64 << 10);
    let sent = 0;
    let taken = 0;
    while (sent < 4 << 20) {
      sent += chunk.length;
      stream.write(chunk, () => (taken += chunk.length));
    }
    await sleep(300);
    assert.ok(taken <= 1 << 20, `${taken} bytes were taken from the client`);
    gate.resolve();
    stream.end();
    assert.equal((await answering).body, `${4 << 20}`);
  });

  test('an answer before the whole body has come stops the upload', async (t) => {
    const { client, entry } = await start(t, ({ response }) => {
      response.status = 403;
      response.body = Buffer.from('no');
    });
    const stream = client.request({ ':method': 'POST' });
    stream.on('error', () => {});
    stream.write(Buffer.alloc(1 << 20));
    const answer = await answerOf(stream);
    assert.equal(answer.status, 403);
    assert.equal(answer.body, 'no');
    await eventually('the stream', () => stream.closed);
    assert.equal(entry.inspect().requests, 0);
    assert.equal((await ask(client)).status, 403);
  });

  test('a body that is paused when the answer goes out does not hold its stream', async (t) => {
    for (const cancelled of ['before', 'behind']) {
      const answer = Promise.withResolvers<void>();
      const { client, entry } = await start(t, async ({ request, response }) => {
        const body = request.body as BodySource;
        body.start({ write: () => false, end: () => {}, fail: () => {} });
        await answer.promise;
        if (cancelled === 'before') body.cancel();
        else setImmediate(() => body.cancel());
        response.status = 403;
        response.body = Buffer.from('no');
      });
      const stream = client.request({ ':method': 'POST' });
      stream.on('error', () => {});
      stream.write(Buffer.alloc(128 << 10));
      await arrived(client, stream);
      answer.resolve();
      assert.equal((await answerOf(stream)).body, 'no');
      await eventually('the end of the request', () => entry.inspect().requests === 0);
      await eventually('the end of the stream', () => entry.holders()[0]?.doing === 'idle');
    }
  });

  test('a client that closes its stream without an error leaves nothing of it behind', async (t) => {
    const failed = Promise.withResolvers<Error>();
    let aborted = false;
    const { client, entry } = await start(t, async (context) => {
      const gone = Promise.withResolvers<void>();
      context.onAbort({ clientGone: () => gone.resolve() });
      const body = context.request.body as BodySource;
      body.start({ write: () => false, end: () => {}, fail: failed.resolve });
      await gone.promise;
      aborted = true;
    });
    const stream = client.request({ ':method': 'POST' });
    stream.on('error', () => {});
    stream.write(Buffer.alloc(128 << 10));
    await arrived(client, stream);
    stream.close();
    assert.equal(((await failed.promise) as GatewayError).code, 'CLIENT_GONE');
    await eventually('the abort', () => aborted);
    assert.equal(entry.inspect().requests, 0);
    assert.equal(entry.holders()[0]?.doing, 'idle');
  });

  test('a source that is slow to pause is waited for once', async (t) => {
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', onWarning);
    t.after(() => process.off('warning', onWarning));
    const chunk = Buffer.alloc(16 << 10);
    const { client } = await start(t, ({ response }) => {
      response.status = 200;
      response.body = {
        length: undefined,
        start(sink) {
          for (let i = 0; i < 100; i++) sink.write(chunk);
          sink.end();
        },
        resume: () => {},
        cancel: () => {},
      };
    });
    assert.equal((await ask(client)).body.length, 100 * chunk.length);
    assert.ok(!warnings.includes('MaxListenersExceededWarning'));
  });

  test('a client that resets its stream aborts the request', async (t) => {
    let aborted = false;
    const { client, entry } = await start(t, async (context) => {
      const gone = Promise.withResolvers<void>();
      context.onAbort({ clientGone: () => gone.resolve() });
      await gone.promise;
      aborted = true;
    });
    const stream = client.request();
    stream.on('error', () => {});
    await eventually('the request', () => entry.inspect().requests === 1);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await eventually('the abort', () => aborted);
    assert.equal(entry.inspect().requests, 0);
    assert.equal(entry.inspect().connections, 1);
  });

  test('a client that ends its half of the connection is gone, whatever it has asked for', async (t) => {
    let aborted = 0;
    const { entry, port } = await start(t, async (context) => {
      const gone = Promise.withResolvers<void>();
      context.onAbort({ clientGone: () => gone.resolve() });
      await gone.promise;
      aborted++;
    });
    for (const requests of [0, 1]) {
      const options = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true };
      const socket = tls.connect({ ...options, ALPNProtocols: ['h2'] });
      const client = http2.connect('https://gate.test', { createConnection: () => socket });
      client.on('error', () => {});
      t.after(() => client.destroy());
      await once(client, 'remoteSettings');
      if (requests > 0) client.request().on('error', () => {});
      await eventually('the request', () => entry.inspect().requests === requests);
      socket.end();
      await eventually('the end of the request', () => entry.inspect().requests === 0);
      await eventually('the end of the connection', () => entry.inspect().connections === 1);
    }
    assert.equal(aborted, 1);
  });

  test('a client that does not go when its connection has ended is cut off', async (t) => {
    for (const slots of [1000, 0]) {
      const drain = { idle: 60_000, timeout: 60_000 };
      const config = { ...withTls(), head_timeout: 100, drain };
      const { entry, port } = await startEntry(t, answerPath, { config, slots });
      const options = { port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true };
      const socket = tls.connect({ ...options, ALPNProtocols: ['h2'] });
      t.after(() => socket.destroy());
      let ended = false;
      socket.on('end', () => (ended = true)).on('error', () => {});
      const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
      // SETTINGS, and a request: GET / of http://a.
      const request = '\x82\x84\x86\x41\x01a';
      const frames = ['\0\0\0\x04\0\0\0\0\0'];
      if (slots === 0)
        frames.push(`\0\0${String.fromCharCode(request.length)}\x01\x05\0\0\0\x01${request}`);
      socket.resume().write(preface + frames.join(''), 'latin1');
      await eventually('the end of our half', () => ended);
      let drained = false;
      void entry.drain({ cause: 'stopping' }).then(() => (drained = true));
      await eventually('nothing to be left of it', () => drained);
    }
  });

  test('a response that breaks off breaks its stream, not the connection', async (t) => {
    const { client } = await start(t, ({ request, response }) => {
      response.status = 200;
      if (request.path === '/') return;
      response.body = {
        length: undefined,
        start(sink) {
          sink.write(Buffer.from('half'));
          setTimeout(() => sink.fail(new Error('broken')), 20);
        },
        resume: () => {},
        cancel: () => {},
      };
    });
    const stream = client.request({ ':path': '/half' });
    await assert.rejects(answerOf(stream), { code: 'ERR_HTTP2_STREAM_ERROR' });
    assert.equal((await ask(client)).status, 200);
  });

  test('100 Continue is sent when the body is wanted', async (t) => {
    const { client } = await start(t, mirror);
    const stream = client.request({ ':method': 'POST', expect: '100-continue' });
    await once(stream, 'continue');
    stream.end('late');
    assert.match((await answerOf(stream)).body, /"body":"late"/);
  });

  test('interim responses are passed on', async (t) => {
    const { client } = await start(t, (context) => {
      context.interim?.inform(103, ['Link', '</a.css>', 'Link', '</b.js>']);
      context.response.status = 200;
    });
    const stream = client.request({});
    const [headers] = (await once(stream, 'headers')) as [http2.IncomingHttpHeaders];
    assert.equal(headers[':status'], 103);
    assert.equal(headers['link'], '</a.css>, </b.js>');
    await answerOf(stream);
  });

  test('requests that make no sense are refused before the flow', async (t) => {
    let asked = 0;
    const { client } = await start(t, ({ response }) => {
      asked++;
      response.status = 200;
    });
    const refused = async (headers: http2.OutgoingHttpHeaders): Promise<number> => {
      const stream = client.request(headers);
      return answerOf(stream).then(
        ({ status }) => status,
        () => 0,
      );
    };
    assert.equal(await refused({ ':authority': 'a.test', host: 'b.test' }), 400);
    assert.equal(await refused({ ':method': 'CONNECT', ':authority': 'a.test:1' }), 405);
    assert.equal(await refused({ expect: 'miracles' }), 417);
    assert.equal(await refused({ ':path': '/a b' }), 0);
    assert.equal(await refused({ ':path': 'a' }), 0);
    assert.equal(await refused({ 'content-length': '3' }), 0);
    assert.equal(asked, 0);
  });

  test('a drain lets requests under way finish and sends the client elsewhere', async (t) => {
    const gate = Promise.withResolvers<void>();
    const { client, entry } = await start(t, async ({ request, response }) => {
      if (request.path === '/slow') await gate.promise;
      response.status = 200;
      response.body = Buffer.from(request.path);
    });
    const goaways: number[] = [];
    client.on('goaway', (_code, last: number) => goaways.push(last));
    const slow = ask(client, { ':path': '/slow' });
    await eventually('the request', () => entry.inspect().requests === 1);
    const drained = entry.drain({ cause: 'stopping' });
    await eventually('both GOAWAYs', () => goaways.length > 1);
    assert.deepEqual(goaways, [2 ** 31 - 1, 1]);
    assert.equal(entry.inspect().connections, 1);
    gate.resolve();
    assert.equal((await slow).body, '/slow');
    assert.deepEqual(await drained, { answered: 1, quiet: 0, forced: 0 });
  });

  test('a client that leaves by the book is let go of', async (t) => {
    const { client, entry } = await start(t, answerPath);
    assert.equal((await ask(client)).status, 200);
    client.close();
    await eventually('the end of the connection', () => entry.inspect().connections === 0);
  });

  test('a connection that drains is told at the end of a response, and answers what crosses that', async (t) => {
    const { entry, port } = await startEntry(t, answerPath, {
      config: { ...withTls(), drain: { idle: 60_000, timeout: 60_000 } },
    });
    const raw = await RawHttp2.connect(t, port);
    const goaways = () => raw.frames.filter(({ type }) => type === frameTypes.GOAWAY);
    const request = (id: number): Buffer => {
      const fields = [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', `/${id}`],
        [':authority', 'gate.test'],
      ] as const;
      return frame(frameTypes.HEADERS, flags.endHeaders | flags.endStream, id, block(fields));
    };
    raw.send(request(1));
    await raw.next(frameTypes.DATA, 1);
    let drained = false;
    void entry.drain({ cause: 'stopping' }).then(() => (drained = true));
    // A client that is quiet now may be about to ask.
    await sleep(500);
    assert.deepEqual(goaways(), []);
    raw.send(request(3));
    await eventually('the notice', () => goaways().length === 1);
    assert.equal(goaways()[0]?.payload.readUInt32BE(0), 2 ** 31 - 1);
    assert.equal(raw.frames.at(-2)?.flags, flags.endStream);
    raw.send(request(5));
    await raw.next(frameTypes.DATA, 5);
    const ping = await raw.next(frameTypes.PING);
    assert.equal(goaways().length, 1);
    raw.send(request(7), frame(frameTypes.PING, flags.ack, 0, ping?.payload));
    await eventually('the last GOAWAY', () => goaways().length === 2);
    assert.equal(goaways()[1]?.payload.readUInt32BE(0), 7);
    await raw.next(frameTypes.DATA, 7);
    raw.send(request(9));
    await sleep(200);
    assert.equal(entry.inspect().total, 4);
    assert.equal(raw.socket.readableEnded, false);
    raw.socket.end();
    await eventually('the end', () => drained);
  });

  test('a client that only pings is told as well, and cannot put its end off', async (t) => {
    const { entry, port } = await startEntry(t, answerPath, {
      config: { ...withTls(), drain: { idle: 60_000, timeout: 60_000 } },
    });
    const raw = await RawHttp2.connect(t, port);
    await raw.next(frameTypes.SETTINGS);
    let drained = false;
    void entry.drain({ cause: 'stopping' }).then(() => (drained = true));
    const goaway = Buffer.concat([uint32(0), uint32(0)]);
    const timer = setInterval(() => {
      raw.send(frame(frameTypes.PING, 0, 0, Buffer.alloc(8)));
      if (raw.frames.some(({ type }) => type === frameTypes.GOAWAY)) {
        raw.send(frame(frameTypes.GOAWAY, 0, 0, goaway));
      }
    }, 100);
    t.after(() => clearInterval(timer));
    await eventually('the end', () => drained);
    assert.equal(raw.frames.filter(({ type }) => type === frameTypes.GOAWAY).length, 2);
  });

  test('an idle connection is told, and closed', async (t) => {
    const { client, entry } = await start(t, answerPath);
    assert.equal((await ask(client)).status, 200);
    const closed = once(client, 'close');
    assert.deepEqual(await entry.drain({ cause: 'stopping' }), {
      answered: 1,
      quiet: 0,
      forced: 0,
    });
    await closed;
  });

  test('over the limit, the answer is 503', async (t) => {
    const { client } = await start(t, answerPath, { slots: 0 });
    const answer = await ask(client);
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '1');
  });

  test('http2: false leaves clients HTTP/1.1', async (t) => {
    const { client } = await start(t, answerPath, { config: withTls({ http2: false }) });
    await assert.rejects(ask(client));
  });

  test('the entry proves itself beside it', async (t) => {
    const { entry } = await start(t, answerPath);
    await entry.prove();
    assert.equal(entry.inspect().total, 0);
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientSession, type RequestFields } from '../../../src/http/http2/client-session.ts';
import type { FieldSection } from '../../../src/http/http2/field-section.ts';
import type { ConnectionError, StreamError } from '../../../src/http/http2/frames/protocol.ts';
import { ErrorCode } from '../../../src/http/http2/frames/protocol.ts';
import type { Stream, StreamListener } from '../../../src/http/http2/stream.ts';
import { bind, serverLimits, serveHttp2 } from '../../support/http2-server.ts';
import { block, type Field, flags, frame, frameTypes, uint32 } from '../../support/raw-http2.ts';
import { eventually } from '../../support/eventually.ts';

const { DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY } = frameTypes;
const get: RequestFields = {
  method: 'GET',
  scheme: 'http',
  authority: 'a.test',
  path: '/',
  fields: '',
  more: [],
};

/** What became of one request. */
class Answer implements StreamListener {
  readonly interim: number[] = [];
  status = 0;
  headers: readonly string[] = [];
  body = '';
  trailers: readonly string[] | undefined = undefined;
  error: StreamError | null | undefined = undefined;
  stream: Stream | null = null;
  holds = false;
  held = 0;
  drains = 0;

  onHead({ status, headers }: FieldSection): void {
    if (status < 200) {
      this.interim.push(status);
      return;
    }
    this.status = status;
    this.headers = headers.asArray();
  }

  onData(chunk: Buffer): void {
    this.body += chunk.toString('latin1');
    if (this.holds) this.held += chunk.length;
    else this.stream?.consume(chunk.length);
  }

  onEnd(trailers: readonly string[] | undefined): void {
    this.trailers = trailers;
  }

  onWritable(): void {
    this.drains++;
  }

  onSent(): void {}

  onClosed(error: StreamError | null): void {
    this.error = error;
  }
}

async function open(t: TestContext, port: number) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  t.after(() => socket.destroy());
  const told = { settings: 0, leaves: 0, over: null as ConnectionError | null };
  const session = new ClientSession(socket, serverLimits, {
    onIdle() {},
    onSettings: () => void told.settings++,
    onServerLeaves: () => void told.leaves++,
    onOver: (error) => void (told.over = error),
  });
  bind(session, socket);
  const ask = (changes: Partial<RequestFields> = {}, isLast = true): Answer => {
    const answer = new Answer();
    answer.stream = session.request({ ...get, ...changes }, isLast, answer);
    return answer;
  };
  return { session, socket, told, ask };
}

async function over(answer: Answer): Promise<Answer> {
  await eventually('the end of the stream', () => answer.error !== undefined);
  return answer;
}

/** A server frame by frame. */
async function rawServer(t: TestContext, answer: (send: (...parts: Buffer[]) => void) => void) {
  const sockets: Socket[] = [];
  const received: number[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => received.push(...chunk));
    socket.write(frame(SETTINGS, 0, 0));
    answer((...parts) => void socket.write(Buffer.concat(parts)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, received };
}

const head = (id: number, fields: readonly Field[], bits = 0): Buffer =>
  frame(HEADERS, flags.endHeaders | bits, id, block(fields));
const ok: Field = [':status', '200'];

suite('a client session', () => {
  test('asks node:http2: fields, bodies, trailers, many streams', async (t) => {
    const server = http2.createServer();
    server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      const chunks: Buffer[] = [];
      let trailers = {};
      stream.on('trailers', (fields) => (trailers = fields));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        stream.respond({ ':status': 201, 'set-cookie': ['a', 'b'] }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-t': '1', ...trailers }));
        stream.end([headers[':method'], headers['x-a'], Buffer.concat(chunks).length].join(' '));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = await open(t, (server.address() as AddressInfo).port);
    t.after(() => server.close());
    const body = Buffer.alloc(400_000, 'x');
    const answers = Array.from({ length: 50 }, (_, i) => {
      const fields = `X-A: ${i}\r\n`;
      const answer = client.ask(
        { method: 'POST', path: `/${i}`, fields, more: ['te', 'trailers'] },
        false,
      );
      answer.stream?.write(body.subarray(i));
      answer.stream?.end(['X-Sum', `${i}`]);
      return answer;
    });
    for (const [i, answer] of answers.entries()) {
      // oxlint-disable-next-line no-await-in-loop
      await over(answer);
      assert.equal(answer.error, null);
      assert.deepEqual(answer.interim, [103]);
      assert.equal(answer.status, 201);
      assert.equal(answer.body, `POST ${i} ${body.length - i}`);
      const set = answer.headers.filter((_, at) => answer.headers[at - 1] === 'set-cookie');
      assert.deepEqual(set, ['a', 'b']);
      assert.deepEqual([...(answer.trailers ?? [])].sort(), ['1', `${i}`, 'x-sum', 'x-t'].sort());
    }
    assert.equal(client.told.settings, 1);
    assert.equal(client.session.open, 0);
  });

  test('asks a session of its own kind, and is held back by one who does not read', async (t) => {
    const { port, close } = await serveHttp2(({ stream, body }) => {
      stream.respond(200, 'content-type: text/plain\r\n', false);
      stream.write(body);
      stream.end();
    });
    t.after(close);
    const client = await open(t, port);
    const answer = client.ask({ method: 'POST' }, false);
    answer.holds = true;
    const size = 3 << 20;
    let sent = 0;
    while (sent < size) {
      const { drains } = answer;
      const isTaken = answer.stream?.write(Buffer.alloc(100_000, 'a')) === true;
      sent += 100_000;
      // oxlint-disable-next-line no-await-in-loop
      if (!isTaken) await eventually('room', () => answer.drains > drains);
    }
    answer.stream?.end();
    await eventually('the window to be used up', () => answer.held === serverLimits.streamWindow);
    await sleep(50);
    assert.equal(answer.held, serverLimits.streamWindow);
    answer.holds = false;
    answer.stream?.consume(answer.held);
    await over(answer);
    assert.equal(answer.body.length, sent);
  });

  test('learns which of its requests were not processed', async (t) => {
    const { port } = await rawServer(t, (send) => {
      setTimeout(() => {
        send(
          frame(RST_STREAM, 0, 3, uint32(ErrorCode.refusedStream)),
          frame(RST_STREAM, 0, 5, uint32(ErrorCode.internalError)),
          frame(GOAWAY, 0, 0, Buffer.concat([uint32(7), uint32(0)])),
          head(1, [ok], flags.endStream),
          head(7, [ok], flags.endStream),
        );
      }, 50);
    });
    const client = await open(t, port);
    const answers = [1, 3, 5, 7, 9].map(() => client.ask());
    await Promise.all(answers.map(over));
    const seen = answers.map(({ status, error }) => [status, error?.code, error?.unprocessed]);
    assert.deepEqual(seen, [
      [200, undefined, undefined],
      [0, ErrorCode.refusedStream, true],
      [0, ErrorCode.internalError, false],
      [200, undefined, undefined],
      [0, ErrorCode.refusedStream, true],
    ]);
    assert.equal(client.session.hasRoom, false);
    assert.equal(client.told.leaves, 1);
    assert.equal(client.told.over, null);
  });

  test('a complete response is one, though the rest of the request is not wanted', async (t) => {
    const { port } = await rawServer(t, (send) => {
      setTimeout(() => {
        send(head(1, [ok], flags.endStream), frame(RST_STREAM, 0, 1, uint32(ErrorCode.noError)));
      }, 50);
    });
    const client = await open(t, port);
    const answer = await over(client.ask({ method: 'POST' }, false));
    assert.equal(answer.status, 200);
    assert.equal(answer.error?.code, ErrorCode.noError);
  });

  const malformed: Record<string, Buffer[]> = {
    'no status': [head(1, [['a', 'b']], 1)],
    'two statuses': [head(1, [ok, ok], 1)],
    'an illegal status': [head(1, [[':status', '20']], 1)],
    'status 101': [head(1, [[':status', '101']])],
    'a method': [head(1, [ok, [':method', 'GET']], 1)],
    'upper case': [head(1, [ok, ['X', 'y']], 1)],
    'a field of the connection': [head(1, [ok, ['connection', 'close']], 1)],
    'a line in a value': [head(1, [ok, ['x', 'a\r\nb: c']], 1)],
    'an interim response that ends': [head(1, [[':status', '100']], 1)],
    'a second head': [head(1, [ok]), head(1, [ok])],
    'DATA before the head': [frame(DATA, 1, 1, Buffer.from('x'))],
    'too much DATA': [head(1, [ok, ['content-length', '1']]), frame(DATA, 1, 1, Buffer.from('xy'))],
    'too little DATA': [
      head(1, [ok, ['content-length', '3']]),
      frame(DATA, 1, 1, Buffer.from('xy')),
    ],
    'no DATA': [head(1, [ok, ['content-length', '3']], 1)],
    'two lengths': [head(1, [ok, ['content-length', '0'], ['content-length', '0']], 1)],
    'pseudo-header fields in trailers': [head(1, [ok]), head(1, [ok], 1)],
    'a body for 204': [head(1, [[':status', '204']]), frame(DATA, 1, 1, Buffer.from('x'))],
  };
  for (const [name, parts] of Object.entries(malformed)) {
    test(`a response is refused for ${name}, and the connection goes on`, async (t) => {
      const { port } = await rawServer(t, (send) => {
        setTimeout(() => send(...parts, head(3, [ok, ['content-length', '0']], 1)), 20);
      });
      const client = await open(t, port);
      const [answer, next] = [client.ask(), client.ask()];
      await over(answer);
      assert.equal(answer.error?.code, ErrorCode.protocolError);
      await over(next);
      assert.equal(next.error, null);
      assert.equal(next.status, 200);
    });
  }

  for (const [name, part] of Object.entries({
    'pushes a response': frame(5, 4, 1, Buffer.concat([uint32(2), block([ok])])),
    'opens a stream': head(2, [ok], 1),
    'answers what was not asked': head(99, [ok], 1),
    'speaks HTTP/1.1': Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
  })) {
    test(`a server that ${name} is not listened to any more`, async (t) => {
      const { port } = await rawServer(t, (send) => {
        setTimeout(() => send(part), 20);
      });
      const client = await open(t, port);
      const answer = await over(client.ask());
      assert.ok(client.told.over !== null);
      assert.equal(answer.error?.unprocessed, false);
    });
  }

  test('what may not be sent is refused, and the next request is right', async (t) => {
    const { port, close } = await serveHttp2(({ stream, headers }) => {
      stream.respond(200, headers.slice(2), true);
    });
    t.after(close);
    const client = await open(t, port);
    for (let i = 0; i < 3; i++) {
      const fields = ['x-a', 'same', 'x-b', `${i}`];
      assert.throws(() => client.ask({ fields: [...fields, 'x', 'a\nb'] }), TypeError);
      // oxlint-disable-next-line no-await-in-loop
      const answer = await over(client.ask({ fields }));
      assert.deepEqual(answer.headers, fields);
    }
  });
});

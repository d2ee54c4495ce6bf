import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http2, { type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { clock } from '../../../src/runtime/deadline-timers.ts';
import { ErrorCode } from '../../../src/http/http2/frames/protocol.ts';
import { type Asked, type Handle, serverLimits, serveHttp2 } from '../../support/http2-server.ts';
import { block, type Field, flags, frame, frameTypes, uint32 } from '../../support/raw-http2.ts';
import { eventually } from '../../support/eventually.ts';

const { DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY, PING, WINDOW_UPDATE } = frameTypes;

async function start(t: TestContext, handle: Handle, limits = serverLimits) {
  const server = await serveHttp2(handle, limits);
  t.after(server.close);
  return server;
}

function client(t: TestContext, port: number, options = {}): ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`, options);
  session.on('error', () => {});
  t.after(() => session.destroy());
  return session;
}

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

async function ask(
  session: ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Buffer,
): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (fields: IncomingHttpHeaders) => (trailers = fields));
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return { headers: answer, body: Buffer.concat(chunks).toString('latin1'), trailers };
}

/** Answers with what was asked. */
function mirror({ stream, method, path, headers, body, trailers }: Asked): void {
  stream.respond(200, ['Content-Type', 'application/json'], false);
  const text = { method, path, headers, body: body.toString('latin1'), trailers };
  stream.write(Buffer.from(JSON.stringify(text)));
  stream.end(['X-Length', `${body.length}`]);
}

/** Writes a body of many parts, at the pace of the other side. */
function writeAll(asked: Asked, parts: readonly Buffer[], wrote: (bytes: number) => void): void {
  const { stream } = asked;
  let next = 0;
  const goOn = (): void => {
    for (let part = parts[next]; part !== undefined; part = parts[next]) {
      next++;
      wrote(part.length);
      if (!stream.write(part)) return;
    }
    stream.end();
  };
  Object.assign(stream.listener, { drained: goOn });
  stream.respond(200, [], false);
  goOn();
}

/** A client frame by frame, without TLS. */
async function raw(t: TestContext, port: number) {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  let bytes = Buffer.alloc(0);
  const frames: { type: number; flags: number; stream: number; payload: Buffer }[] = [];
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const end = 9 + bytes.readUIntBE(0, 3);
      const [type = 0, flagBits = 0] = bytes.subarray(3, 5);
      const stream = bytes.readUInt32BE(5);
      frames.push({ type, flags: flagBits, stream, payload: bytes.subarray(9, end) });
      bytes = bytes.subarray(end);
    }
  });
  const send = (...parts: Buffer[]): void => void socket.write(Buffer.concat(parts));
  const next = async (type: number, stream?: number) => {
    const found = () =>
      frames.find((one) => one.type === type && (stream === undefined || one.stream === stream));
    await eventually(`frame ${type}`, () => found() !== undefined || socket.readableEnded);
    return found();
  };
  send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0));
  return { socket, frames, send, next };
}

const get: Field[] = [
  [':method', 'GET'],
  [':path', '/'],
  [':scheme', 'http'],
  [':authority', 'a'],
];
const getFrame = (id: number, fields: readonly Field[] = get): Buffer =>
  frame(HEADERS, flags.endHeaders | flags.endStream, id, block(fields));

suite('a server session', () => {
  test('serves node:http2: fields, cookies, bodies, trailers', async (t) => {
    const { port } = await start(t, mirror);
    const session = client(t, port);
    const body = Buffer.alloc(300_000, 'abc');
    const sent = {
      ':method': 'POST',
      ':path': '/a?b',
      cookie: ['a=1', 'b=2'],
      'x-two': ['1', '2'],
    };
    for (let i = 0; i < 3; i++) {
      // oxlint-disable-next-line no-await-in-loop -- the tables of one connection
      const answer = await ask(session, sent, body);
      const seen = JSON.parse(answer.body) as Record<string, unknown>;
      assert.equal(answer.headers[':status'], 200);
      assert.equal(seen['body'], body.toString());
      const fields = [
        'host',
        `127.0.0.1:${port}`,
        'x-two',
        '1',
        'x-two',
        '2',
        'cookie',
        'a=1; b=2',
      ];
      assert.deepEqual(seen['headers'], fields);
      assert.equal(answer.trailers['x-length'], '300000');
    }
    const stream = session.request({ ':method': 'PUT' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
    stream.end('x');
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    assert.deepEqual(JSON.parse(Buffer.concat(chunks).toString()).trailers, ['x-sum', '42']);
  });

  test('fields of any kind pass both ways as node:http2 understands them', async (t) => {
    const { port } = await start(t, ({ stream, headers }) => {
      stream.respond(200, headers.slice(2), true);
    });
    const session = client(t, port);
    let state = 3;
    const next = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let round = 0; round < 200; round++) {
      const fields: Record<string, string> = {};
      for (let i = next(12); i > 0; i--) {
        const length = next(15) === 0 ? next(3_000) : next(30);
        const value = Array.from({ length }, () => String.fromCharCode(0x21 + next(94))).join('');
        fields[`x-${next(20)}`] = value;
      }
      // oxlint-disable-next-line no-await-in-loop -- the tables of one connection
      const { headers } = await ask(session, { ':path': `/${round}`, ...fields });
      const { ':status': status, ...got } = headers;
      assert.equal(status, 200);
      assert.deepEqual(Object.fromEntries(Object.entries(got)), fields);
    }
  });

  test('curl and h2load are served, many streams at a time', async (t) => {
    const { port } = await start(t, mirror);
    const url = `http://127.0.0.1:${port}/curl`;
    const run = promisify(execFile);
    const curl = ['-s', '--http2-prior-knowledge', '--data-binary', 'hello', url];
    const { stdout } = await run('curl', curl);
    assert.equal(JSON.parse(stdout).body, 'hello');
    const load = await run('h2load', ['-n', '3000', '-c', '4', '-m', '50', url]).catch(() => null);
    if (load !== null) assert.match(load.stdout, /3000 succeeded, 0 failed, 0 errored/);
  });

  test('a client that does not read stops the source, and gets everything when it does', async (t) => {
    const parts = Array.from({ length: 200 }, (_, i) => Buffer.alloc(50_000, `${i} `));
    const whole = Buffer.concat(parts);
    let written = 0;
    const { port } = await start(t, (asked) => writeAll(asked, parts, (n) => (written += n)));
    const session = client(t, port);
    const stream = session.request({});
    stream.pause();
    await once(stream, 'response');
    await sleep(200);
    assert.ok(written < whole.length / 2, `${written} bytes were written`);
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    assert.ok(Buffer.concat(chunks).equals(whole));
  });

  test('bodies of many streams at a time are not mixed up', async (t) => {
    const { port } = await start(t, (asked) => {
      const id = Number(asked.path.slice(1));
      const parts = Array.from({ length: 40 }, () => Buffer.alloc(1 + id * 997, id));
      writeAll(asked, parts, () => {});
    });
    const session = client(t, port, { settings: { initialWindowSize: 10_000 } });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, id) => ask(session, { ':path': `/${id}` })),
    );
    for (const [id, { body }] of answers.entries()) {
      assert.equal(body.length, 40 * (1 + id * 997));
      assert.ok(
        Buffer.from(body, 'latin1').every((byte) => byte === id),
        `stream ${id}`,
      );
    }
  });

  test('a body that nobody takes closes the window, and others go on', async (t) => {
    const held: Asked['stream'][] = [];
    const server = await start(t, mirror);
    const { port, sessions } = server;
    const session = client(t, port);
    await ask(session, { ':path': '/' });
    const [tested] = sessions;
    const original = tested?.onRequest.bind(tested);
    Object.assign(tested as object, {
      onRequest(...args: Parameters<NonNullable<typeof original>>) {
        original?.(...args);
        const [stream, { path }] = args;
        if (path !== '/held') return;
        held.push(stream);
        Object.assign(stream.listener, { onData: () => {} });
      },
    });
    const upload = session.request({ ':method': 'POST', ':path': '/held' });
    upload.on('error', () => {});
    let taken = 0;
    for (let i = 0; i < 40; i++) upload.write(Buffer.alloc(64 << 10), () => (taken += 64 << 10));
    await sleep(200);
    assert.ok(taken <= 512 << 10, `${taken} bytes were taken`);
    const answer = await ask(session, { ':method': 'POST', ':path': '/b' }, Buffer.alloc(200_000));
    assert.equal(answer.trailers['x-length'], '200000');
    // When the stream is given up, its bytes are given back to the connection.
    for (let i = 0; i < 10; i++) {
      for (const stream of held.splice(0)) stream.reset(ErrorCode.cancel);
      const next = session.request({ ':method': 'POST', ':path': '/held' });
      next.on('error', () => {});
      next.write(Buffer.alloc(256 << 10));
      // oxlint-disable-next-line no-await-in-loop
      await eventually('the upload', () => held.length > 0);
      // oxlint-disable-next-line no-await-in-loop
      await sleep(20);
    }
    for (const stream of held.splice(0)) stream.reset(ErrorCode.cancel);
    const last = await ask(session, { ':method': 'POST', ':path': '/b' }, Buffer.alloc(900_000));
    assert.equal(last.trailers['x-length'], '900000');
  });

  test('interim responses, headers alone, and HEAD', async (t) => {
    const { port } = await start(t, ({ stream, path }) => {
      stream.respond(103, ['Link', '</a.css>'], false);
      if (path === '/end') {
        stream.respond(200, ['x', 'y'], false);
        stream.end();
      } else stream.respond(404, ['content-length', '9'], true);
    });
    const session = client(t, port);
    const stream = session.request({ ':path': '/end' });
    const ended: number[] = [];
    stream.on('headers', (fields: IncomingHttpHeaders) => ended.push(Number(fields[':status'])));
    const [headers, flagBits] = await once(stream, 'response');
    assert.equal(headers['x'], 'y');
    assert.deepEqual(ended, [103]);
    // The head was not on its way when the stream ended: no empty DATA frame follows.
    assert.equal(flagBits & flags.endStream, flags.endStream);
    const head = await ask(session, { ':method': 'HEAD', ':path': '/' });
    assert.equal(head.headers['content-length'], '9');
  });

  test('extended CONNECT is a stream of bytes both ways', async (t) => {
    const { port, sessions } = await start(t, () => {});
    const session = client(t, port);
    await once(session, 'remoteSettings');
    const [tested] = sessions;
    let protocol: string | null = null;
    Object.assign(tested as object, {
      onRequest(stream: Asked['stream'], head: { protocol: string | null }) {
        protocol = head.protocol;
        stream.respond(200, [], false);
        stream.listener = {
          onData(chunk: Buffer) {
            stream.write(chunk);
            stream.consume(chunk.length);
          },
          onEnd: () => stream.end(),
          onWritable() {},
          onSent() {},
          onClosed() {},
        };
      },
    });
    const connected = session.request({ ':method': 'CONNECT', ':protocol': 'websocket' });
    connected.setEncoding('latin1');
    connected.write('ping');
    const [first] = (await once(connected, 'data')) as [string];
    assert.equal(first, 'ping');
    assert.equal(protocol, 'websocket');
    connected.end('bye');
    let rest = '';
    for await (const chunk of connected) rest += chunk as string;
    assert.equal(rest, 'bye');
  });

  test('an end is announced, and the last request named after a round trip', async (t) => {
    const { port, sessions } = await start(t, mirror);
    const peer = await raw(t, port);
    peer.send(getFrame(1));
    await peer.next(DATA, 1);
    const session = sessions[0]?.session;
    session?.announceEnd();
    const notice = await peer.next(GOAWAY);
    assert.equal(notice?.payload.readUInt32BE(0), 2 ** 31 - 1);
    assert.equal(notice?.payload.readUInt32BE(4), 0);
    session?.confirmEnd();
    const ping = await peer.next(PING);
    // A request that crossed the notice is served.
    peer.send(getFrame(3));
    await peer.next(DATA, 3);
    assert.equal(peer.frames.filter((one) => one.type === GOAWAY).length, 1);
    assert.equal(session?.isEndKnown, false);
    peer.send(frame(PING, flags.ack, 0, ping?.payload));
    await eventually('the end to be known', () => session?.isEndKnown ?? false);
    session?.finish();
    await eventually('the last GOAWAY', () => {
      return peer.frames.filter((one) => one.type === GOAWAY).length === 2;
    });
    const last = peer.frames.findLast((one) => one.type === GOAWAY);
    assert.equal(last?.payload.readUInt32BE(0), 3);
    // What comes after the last one is not served, and breaks nothing.
    peer.send(
      frame(HEADERS, flags.endHeaders, 5, block(get)),
      frame(DATA, 1, 5, Buffer.from('x')),
      frame(PING, 0, 0, Buffer.from('still up')),
    );
    await eventually('the answer', () => {
      return peer.frames.some((one) => one.payload.toString() === 'still up');
    });
    assert.equal(sessions[0]?.requests.length, 2);
    assert.equal(sessions[0]?.over, null);
  });

  test('requests above the limit are refused, and may be sent again', async (t) => {
    const open: Asked['stream'][] = [];
    const { port } = await start(t, ({ stream }) => open.push(stream), {
      ...serverLimits,
      maxStreams: 2,
    });
    const peer = await raw(t, port);
    peer.send(getFrame(1), getFrame(3), getFrame(5));
    const refused = await peer.next(RST_STREAM);
    assert.equal(refused?.stream, 5);
    assert.equal(refused?.payload.readUInt32BE(0), ErrorCode.refusedStream);
    for (const stream of open.splice(0)) stream.respond(204, [], true);
    await peer.next(HEADERS, 3);
    peer.send(getFrame(7));
    await eventually('the next request', () => open.length === 1);
  });

  test('a head above the limit is told to whoever answers, and costs no more', async (t) => {
    const { port, sessions } = await start(t, () => {}, { ...serverLimits, maxHeaderSize: 4_000 });
    const peer = await raw(t, port);
    await peer.next(SETTINGS);
    let large = false;
    Object.assign(sessions[0] as object, {
      onRequest(stream: Asked['stream'], head: { isTooLarge: boolean }) {
        large = head.isTooLarge;
        stream.listener = { onData() {}, onEnd() {}, onWritable() {}, onSent() {}, onClosed() {} };
        stream.respond(431, [], true);
      },
    });
    peer.send(getFrame(1, [...get, ['x', 'y'.repeat(5_000)]]));
    assert.ok(await peer.next(HEADERS, 1));
    assert.equal(large, true);
    large = false;
    peer.send(getFrame(3));
    assert.ok(await peer.next(HEADERS, 3));
    assert.equal(large, false);
  });

  test('the stall of a stream is known, and not hidden by frames that mean nothing', async (t) => {
    const { port, sessions } = await start(t, (asked) =>
      writeAll(asked, [Buffer.alloc(100_000)], () => {}),
    );
    const peer = await raw(t, port);
    peer.send(getFrame(1));
    await eventually('the window to be used up', () => {
      const bytes = peer.frames.reduce((sum, { type, payload }) => {
        return type === DATA ? sum + payload.length : sum;
      }, 0);
      return bytes === 65_535;
    });
    const session = sessions[0]?.session;
    const later = clock.now + 5_000;
    assert.ok((session?.stalled(later) ?? 0) > 4_000);
    peer.send(
      frame(WINDOW_UPDATE, 0, 1, uint32(100_000)),
      frame(WINDOW_UPDATE, 0, 0, uint32(100_000)),
    );
    await eventually('the end', () =>
      peer.frames.some((one) => one.type === DATA && one.flags === 1),
    );
    assert.equal(session?.stalled(later), 0);
  });

  test('a client that tells of every few kilobytes that it takes is no flood', async (t) => {
    const size = 6 << 20;
    const { port, sessions } = await start(t, (asked) =>
      writeAll(
        asked,
        Array.from({ length: size >> 16 }, () => Buffer.alloc(1 << 16)),
        () => {},
      ),
    );
    const peer = await raw(t, port);
    peer.send(getFrame(1));
    let seen = 0;
    let taken = 0;
    const step = 2_048;
    while (taken < size) {
      // oxlint-disable-next-line no-await-in-loop -- as it comes
      await eventually('more', () => peer.frames.length > seen || sessions[0]?.over !== null);
      assert.equal(sessions[0]?.over, null);
      for (; seen < peer.frames.length; seen++) {
        const { type, payload } = peer.frames[seen] as (typeof peer.frames)[number];
        if (type !== DATA) continue;
        taken += payload.length;
        for (let left = payload.length; left > 0; left -= step) {
          const update = uint32(Math.min(step, left));
          peer.send(frame(WINDOW_UPDATE, 0, 0, update), frame(WINDOW_UPDATE, 0, 1, update));
        }
      }
    }
    assert.equal(taken, size);
  });

  const floods: Record<string, (id: number) => Buffer> = {
    'requests that are reset at once': (id) =>
      Buffer.concat([getFrame(id), frame(RST_STREAM, 0, id, uint32(8))]),
    'requests that have us reset them': (id) => getFrame(id, [...get, ['connection', 'x']]),
    'bodies that have us reset them': (id) =>
      Buffer.concat([
        frame(HEADERS, flags.endHeaders, id, block([...get, ['content-length', '1']])),
        frame(DATA, 0, id, Buffer.from('more')),
      ]),
    pings: () => frame(PING, 0, 0, Buffer.alloc(8)),
    settings: () => frame(SETTINGS, 0, 0),
    priorities: (id) => frame(2, 0, id, Buffer.alloc(5)),
    'frames nobody knows': () => frame(0xfe, 0, 0, Buffer.alloc(100)),
    'windows of no use': () => frame(WINDOW_UPDATE, 0, 0, uint32(1)),
    'DATA without data': (id) =>
      Buffer.concat([
        id === 1 ? frame(HEADERS, flags.endHeaders, 1, block(get)) : Buffer.alloc(0),
        frame(DATA, 0, 1),
      ]),
    'DATA of padding alone': (id) =>
      Buffer.concat([
        id === 1 ? frame(HEADERS, flags.endHeaders, 1, block(get)) : Buffer.alloc(0),
        frame(DATA, 8, 1, Buffer.from([0])),
      ]),
  };
  for (const [name, next] of Object.entries(floods)) {
    test(`${name} end the connection`, async (t) => {
      const { port, sessions } = await start(t, () => {});
      const peer = await raw(t, port);
      for (let id = 1; id < 10_000 && !peer.socket.readableEnded; id += 2) {
        peer.send(next(id));
        // oxlint-disable-next-line no-await-in-loop -- the other side has to see it
        if (id % 500 === 1) await sleep(1);
      }
      const goaway = await peer.next(GOAWAY);
      assert.equal(goaway?.payload.readUInt32BE(4), ErrorCode.enhanceYourCalm);
      assert.ok((sessions[0]?.requests.length ?? 0) < 1_000);
    });
  }
});

/** One suite that every transport passes, against backends that play each case on raw sockets. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { before, suite, test, type TestContext } from 'node:test';
import { createSecureContext, type SecureContext } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BodySource } from '../../src/http/body/body.ts';
import { Http1Transport } from '../../src/cluster/transport/http1/transport.ts';
import { Http2Transport } from '../../src/cluster/transport/http2/transport.ts';
import type {
  ConnectionSettings,
  Transport,
  UpstreamRequest,
} from '../../src/cluster/transport/transport.ts';
import { nodeCertificate } from '../support/certificates.ts';
import {
  connections,
  exchange,
  type Outcome,
  plainGet,
  PushedBody,
  rawBackend as startBackend,
} from '../support/raw-backend.ts';
import { eventually } from '../support/eventually.ts';
import { type RawConnection } from '../support/raw-connection.ts';

interface Subject {
  readonly name: string;
  readonly create: (origin: string, settings: ConnectionSettings) => Transport;
  /** Whether nodes speak TLS. */
  readonly tls: boolean;
}

const subjects: Subject[] = [
  { name: 'http1', create: (origin, s) => new Http1Transport(origin, s), tls: false },
  {
    name: 'http1, TLS',
    create: (origin, s) => new Http1Transport(origin, s),
    tls: true,
  },
  {
    name: 'http2, with nodes that choose HTTP/1.1',
    create: (origin, s) => new Http2Transport(origin, s),
    tls: true,
  },
];

interface ResponseCase {
  readonly name: string;
  readonly request?: Partial<UpstreamRequest>;
  /** Sent at once, and closed behind it when `close` is set. */
  readonly response: string;
  readonly close?: boolean;
  readonly expect: Partial<Outcome>;
  /** Whether a second request uses the same connection; not looked at when absent. */
  readonly reused?: boolean;
}

const ok = 'HTTP/1.1 200 OK\r\n';

const wellFormed: ResponseCase[] = [
  {
    name: 'content-length',
    response: `${ok}Content-Length: 5\r\n\r\nhello`,
    expect: { status: 200, statusText: 'OK', body: 'hello', headers: ['Content-Length', '5'] },
    reused: true,
  },
  {
    name: 'an empty body',
    response: `${ok}Content-Length: 0\r\n\r\n`,
    expect: { status: 200, body: null },
    reused: true,
  },
  {
    name: 'the same content-length twice',
    response: `${ok}Content-Length: 2\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nhi`,
    expect: { status: 200, body: 'hi' },
  },
  {
    name: 'fields keep their case, their order and their repetitions',
    response: `${ok}X-b: 1\r\nSet-Cookie: a=1\r\nx-B: 2\r\nSET-COOKIE: b=2\r\nContent-Length: 0\r\n\r\n`,
    expect: {
      headers: 'X-b 1 Set-Cookie a=1 x-B 2 SET-COOKIE b=2 Content-Length 0'.split(' '),
    },
  },
  {
    name: 'bytes above ASCII in a field',
    response: `${ok}X-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n`,
    expect: { headers: ['X-Name', 'caf\xe9', 'Content-Length', '0'] },
  },
  {
    name: 'chunked',
    response: `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n`,
    expect: { body: 'hello world', trailers: [] },
    reused: true,
  },
  {
    name: 'chunked with trailers',
    response: `${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\nX-T: u\r\n\r\n`,
    expect: { body: 'hi', trailers: ['X-Sum', '7', 'X-T', 'u'] },
    reused: true,
  },
  {
    name: 'chunk sizes in hexadecimal of either case',
    response: `${ok}Transfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0b\r\n0123456789a\r\n0\r\n\r\n`,
    expect: { body: '01234567890123456789a' },
    reused: true,
  },
  {
    name: 'a body that ends with the connection',
    response: `${ok}\r\nall of it`,
    close: true,
    expect: { status: 200, body: 'all of it' },
    reused: false,
  },
  {
    name: 'HTTP/1.0 without keep-alive',
    response: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi',
    expect: { status: 200, body: 'hi' },
    reused: false,
  },
  {
    name: 'Connection: close',
    response: `${ok}Connection: close\r\nContent-Length: 2\r\n\r\nhi`,
    expect: { status: 200, body: 'hi' },
    reused: false,
  },
  {
    name: 'HEAD with a content-length',
    request: { method: 'HEAD' },
    response: `${ok}Content-Length: 500\r\n\r\n`,
    expect: { status: 200, body: null, headers: ['Content-Length', '500'] },
  },
  {
    name: 'HEAD with chunked',
    request: { method: 'HEAD' },
    response: `${ok}Transfer-Encoding: chunked\r\n\r\n`,
    expect: { status: 200, body: null },
  },
  { name: '204', response: 'HTTP/1.1 204 No Content\r\n\r\n', expect: { status: 204, body: null } },
  {
    name: '304 with a content-length',
    response: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 900\r\n\r\n',
    expect: { status: 304, body: null },
  },
  {
    name: '204 with a content-length',
    response: 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
    expect: { status: 204, body: null },
  },
  {
    name: 'HEAD with a body, which is none',
    request: { method: 'HEAD' },
    response: `${ok}Content-Length: 5\r\n\r\nhello`,
    expect: { status: 200, body: null },
    reused: false,
  },
  {
    name: '204 with a body, which is none',
    response: 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello',
    expect: { status: 204, body: null },
    reused: false,
  },
  {
    name: '304 with a body, which is none',
    response: 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
    expect: { status: 304, body: null },
    reused: false,
  },
  {
    name: 'no reason phrase',
    response: 'HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx',
    expect: { status: 200, statusText: '', body: 'x' },
  },
  {
    name: '100 and 103 before the answer',
    response: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}Content-Length: 2\r\n\r\nhi`,
    expect: {
      information: [
        { status: 100, headers: [] },
        { status: 103, headers: ['Link', '</a>'] },
      ],
      body: 'hi',
    },
  },
  {
    name: '103 before the answer',
    response: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok}Content-Length: 2\r\n\r\nhi`,
    expect: { information: [{ status: 103, headers: ['Link', '</a>'] }], body: 'hi' },
  },
  {
    name: 'a head of 60 KB',
    response: `${ok}X-Big: ${'x'.repeat(60_000)}\r\nContent-Length: 2\r\n\r\nhi`,
    expect: {
      headers: ['X-Big', 'x'.repeat(60_000), 'Content-Length', '2'],
      body: 'hi',
    },
  },
];

const malformed: { name: string; response: string }[] = [
  {
    name: 'content-length and transfer-encoding',
    response: `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  },
  {
    name: 'differing content-lengths',
    response: `${ok}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`,
  },
  { name: 'a list in content-length', response: `${ok}Content-Length: 5, 5\r\n\r\nhello` },
  { name: 'a negative content-length', response: `${ok}Content-Length: -1\r\n\r\n` },
  { name: 'a signed content-length', response: `${ok}Content-Length: +5\r\n\r\nhello` },
  { name: 'a huge content-length', response: `${ok}Content-Length: ${'9'.repeat(30)}\r\n\r\n` },
  {
    name: 'gzip after chunked',
    response: `${ok}Transfer-Encoding: chunked, gzip\r\n\r\nx`,
  },
  {
    name: 'chunked with HTTP/1.0',
    response: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  },
  {
    name: 'a folded field',
    response: `${ok}X-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n`,
  },
  { name: 'a blank before the colon', response: `${ok}X-A : 1\r\nContent-Length: 0\r\n\r\n` },
  { name: 'a NUL in a field', response: `${ok}X-A: a\0b\r\nContent-Length: 0\r\n\r\n` },
  { name: 'a bare CR in a field', response: `${ok}X-A: a\rb\r\nContent-Length: 0\r\n\r\n` },
  {
    name: 'lines that end without CR',
    response: 'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
  },
  { name: 'a field without a colon', response: `${ok}nothing\r\nContent-Length: 0\r\n\r\n` },
  { name: 'an empty field name', response: `${ok}: x\r\nContent-Length: 0\r\n\r\n` },
  {
    name: 'HTTP/2 in the status line',
    response: 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n',
  },
  { name: 'a status of two digits', response: 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n' },
  { name: 'a status that is no number', response: 'HTTP/1.1 2e2 OK\r\nContent-Length: 0\r\n\r\n' },
  { name: 'something else than HTTP', response: 'SSH-2.0-OpenSSH_9.6\r\n' },
  {
    name: '101 that was not asked for',
    response: 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
  },
  { name: 'a head of more than 64 KB', response: `${ok}X-Big: ${'x'.repeat(70_000)}\r\n\r\n` },
];

const malformedBodies: { name: string; body: string }[] = [
  { name: 'a chunk size that is no number', body: 'xyz\r\nhello\r\n0\r\n\r\n' },
  { name: 'an empty chunk size', body: '\r\nhello\r\n0\r\n\r\n' },
  { name: 'a chunk size with a prefix', body: '0x5\r\nhello\r\n0\r\n\r\n' },
  { name: 'a signed chunk size', body: '+5\r\nhello\r\n0\r\n\r\n' },
  { name: 'a blank behind the chunk size', body: '5 \r\nhello\r\n0\r\n\r\n' },
  { name: 'a chunk size too large to count', body: `${'f'.repeat(20)}\r\nhello` },
  { name: 'a chunk longer than its size', body: '3\r\nhello\r\n0\r\n\r\n' },
  { name: 'a chunk size that ends without CR', body: '5\nhello\r\n0\r\n\r\n' },
  { name: 'a malformed trailer', body: '2\r\nhi\r\n0\r\nX T: 1\r\n\r\n' },
  { name: 'a NUL in a chunk extension', body: '2;a=\0\r\nhi\r\n0\r\n\r\n' },
];

for (const subject of subjects) {
  suite(`transport ${subject.name}`, { timeout: 100_000 }, () => conform(subject));
}

function conform({ create, tls }: Subject): void {
  let context: SecureContext | null = null;
  before(() => {
    if (tls) context = createSecureContext(nodeCertificate());
  });
  const rawBackend = (t: TestContext, play: (peer: RawConnection, index: number) => unknown) =>
    startBackend(t, play, context);
  const open = (t: TestContext, origin: string, settings: Partial<ConnectionSettings> = {}) => {
    const transport = create(origin, { ...connections, ...settings });
    t.after(() => transport.destroy());
    return transport;
  };

  for (const entry of wellFormed) {
    for (const pieces of ['whole', 'byte by byte']) {
      if (pieces !== 'whole' && entry.response.length > 1000) continue;
      test(`takes ${entry.name}, ${pieces}`, async (t) => {
        const backend = await rawBackend(t, async (peer) => {
          for (;;) {
            await peer.head();
            await send(peer, entry.response, pieces !== 'whole');
            if (entry.close) peer.socket.end();
          }
        });
        const transport = open(t, backend.origin);
        const outcome = await exchange(transport, entry.request);
        assert.equal(outcome.error, undefined);
        for (const [key, value] of Object.entries(entry.expect)) {
          assert.deepEqual(outcome[key as keyof Outcome], value, key);
        }
        await turns();
        await exchange(transport, entry.request);
        if (entry.reused !== undefined) assert.equal(backend.peers.length, entry.reused ? 1 : 2);
      });
    }
  }

  for (const { name, response } of malformed) {
    test(`refuses ${name}`, async (t) => {
      const backend = await rawBackend(t, async (peer) => {
        await peer.head();
        peer.socket.write(response, 'latin1');
      });
      const outcome = await exchange(open(t, backend.origin));
      const error = outcome.error ?? outcome.bodyError;
      assert.equal(error?.code, 'UPSTREAM_BROKEN');
      await eventually(
        'closed',
        () => backend.peers[0]?.isClosed === true || backend.peers[0]?.ended === true,
      );
    });
  }

  for (const { name, body } of malformedBodies) {
    test(`refuses ${name} within a body`, async (t) => {
      const backend = await rawBackend(t, async (peer) => {
        await peer.head();
        peer.socket.write(`${ok}Transfer-Encoding: chunked\r\n\r\n`, 'latin1');
        setTimeout(() => peer.socket.write(body, 'latin1'), 20);
      });
      const outcome = await exchange(open(t, backend.origin));
      assert.equal((outcome.bodyError ?? outcome.error)?.code, 'UPSTREAM_BROKEN');
      await eventually('closed', () => backend.peers[0]?.ended === true);
    });
  }

  for (const [form, headers] of [
    ['an array', ['X-One', '1', 'x-one', '2', 'Accept', '*/*']],
    ['lines', 'X-One: 1\r\nx-one: 2\r\nAccept: */*\r\n'],
  ] as const) {
    test(`writes the request as it was given, its fields as ${form}`, async (t) => {
      const heads: string[] = [];
      const backend = await rawBackend(t, async (peer) => {
        heads.push(await peer.head());
        peer.socket.write(`${ok}Content-Length: 0\r\n\r\n`);
      });
      const request = { target: '/a%20b?c=d', host: 'a.example', headers };
      await exchange(open(t, backend.origin), request);
      const lines = (heads[0] as string).split('\r\n');
      assert.equal(lines[0], 'GET /a%20b?c=d HTTP/1.1');
      assert.deepEqual(
        lines
          .filter((line) => /^(x-one|accept|host)/i.test(line))
          .map((line) => line.replace(/^host/, 'Host')),
        ['Host: a.example', 'X-One: 1', 'x-one: 2', 'Accept: */*'],
      );
    });
  }

  for (const [what, request] of [
    ['a field', { headers: ['X-A', '1\r\nX-B: 2'] }],
    ['a Host', { host: 'a\r\nX-B: 2' }],
  ] as const) {
    test(`refuses ${what} that would begin another`, async (t) => {
      const backend = await rawBackend(t, () => {});
      const outcome = await exchange(open(t, backend.origin), request);
      assert.equal(outcome.error?.code, 'REQUEST_MALFORMED');
      for (const peer of backend.peers) assert.equal(peer.received, '');
    });
  }

  for (const length of [11, undefined]) {
    test(`streams a request body, ${length === undefined ? 'chunked' : 'of known length'}`, async (t) => {
      let request = '';
      const backend = await rawBackend(t, async (peer) => {
        const head = await peer.head();
        await peer.until(({ received }) =>
          received.endsWith(length === undefined ? '0\r\n\r\n' : 'world'),
        );
        request = head + peer.received;
        peer.socket.write(`${ok}Content-Length: 2\r\n\r\nok`);
      });
      const body = new PushedBody(length, (sink) => {
        sink.write(Buffer.from('hello '));
        setTimeout(() => {
          sink.write(Buffer.from('world'));
          sink.end();
        }, 10);
      });
      const outcome = await exchange(open(t, backend.origin), { method: 'POST', body });
      assert.equal(outcome.body, 'ok');
      if (length === undefined) {
        assert.match(request, /transfer-encoding: chunked\r\n/i);
        assert.match(request, /\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n$/);
      } else {
        assert.match(request, /content-length: 11\r\n/i);
        assert.match(request, /\r\n\r\nhello world$/);
      }
    });
  }

  test('sends a body in memory, small and large', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      for (;;) {
        const length = Number(/content-length: (\d+)/i.exec(await peer.head())?.[1]);
        await peer.until(({ received }) => received.length >= length);
        const text = `${peer.received.length}`;
        peer.received = '';
        peer.socket.write(`${ok}Content-Length: ${text.length}\r\n\r\n${text}`);
      }
    });
    const transport = open(t, backend.origin);
    for (const size of [1, 1000, 5_000_000]) {
      const body = Buffer.alloc(size, 'x');
      assert.equal((await exchange(transport, { method: 'POST', body })).body, `${size}`);
      await turns();
    }
    assert.equal(backend.peers.length, 1);
  });

  const announced = (body: PushedBody) => ({
    method: 'POST',
    body,
    expectsContinue: true,
  });
  const hello = (length: number | undefined) =>
    new PushedBody(length, (sink) => {
      sink.write(Buffer.from('hello'));
      sink.end();
    });

  for (const length of [5, undefined]) {
    test(`sends an announced body when the node asks for it, ${length ?? 'chunked'}`, async (t) => {
      const body = hello(length);
      const backend = await rawBackend(t, async (peer) => {
        assert.match(await peer.head(), /\r\nExpect: 100-continue\r\n/);
        // What the node has not asked for does not come.
        await sleep(50);
        assert.equal(peer.received, '');
        assert.equal(body.sink, null);
        peer.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        await peer.until(({ received }) => received.includes('hello'));
        peer.socket.write(`${ok}Content-Length: 2\r\n\r\nok`);
      });
      const transport = open(t, backend.origin);
      assert.equal((await exchange(transport, announced(body))).body, 'ok');
      assert.equal(backend.peers.length, 1);
    });
  }

  test('keeps an announced body back when the node refuses it', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      peer.socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nb');
      setTimeout(() => peer.socket.write('ig'), 20);
    });
    const body = hello(5);
    const outcome = await exchange(open(t, backend.origin), announced(body));
    assert.equal(outcome.status, 413);
    assert.equal(outcome.body, 'big');
    assert.equal(body.sink, null, 'never started');
    assert.equal(body.cancelled, true);
    // The node may still wait for the body, or not: nobody knows.
    await eventually('closed', () => backend.peers[0]?.ended === true);
    assert.equal(backend.peers[0]?.received, '');
  });

  test('sends an announced body to a node that does not ask for it', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      await peer.until(({ received }) => received === 'hello');
      peer.socket.write(`${ok}Content-Length: 2\r\n\r\nok`);
    });
    assert.equal((await exchange(open(t, backend.origin), announced(hello(5)))).body, 'ok');
  });

  test('keeps an announced body for another attempt when the node breaks off', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      peer.reset();
    });
    const body = hello(5);
    const outcome = await exchange(open(t, backend.origin), announced(body));
    assert.equal(outcome.error?.code, 'UPSTREAM_BROKEN');
    assert.equal(outcome.phase, 'sent');
    assert.equal(body.sink, null);
    assert.equal(body.cancelled, false);
  });

  test('a request body waits while the node does not read', async (t) => {
    const backend = await rawBackend(t, (peer) => {
      peer.socket.pause();
    });
    const body = new PushedBody(undefined);
    void exchange(open(t, backend.origin), { method: 'POST', body });
    await eventually('started', () => body.sink !== null);
    const chunk = Buffer.alloc(65_536);
    let accepted = 0;
    for (; accepted < 2000; accepted++) {
      if (body.sink?.write(chunk) !== true) break;
      if (accepted % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(accepted < 2000, 'never asked to pause');
    const resumed = body.resumed;
    backend.peers[0]?.socket.resume();
    await eventually('asked to go on', () => body.resumed > resumed);
  });

  test('a response body waits while nobody reads', async (t) => {
    const size = 64 * 1024 * 1024;
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      peer.socket.write(`${ok}Content-Length: ${size}\r\n\r\n`);
      peer.socket.write(Buffer.alloc(size));
    });
    const source = await new Promise<BodySource>((resolve, reject) => {
      open(t, backend.origin).send(plainGet, {
        onInformation: () => {},
        onUpgrade: () => {},
        onError: reject,
        onHead: (_status, _text, _headers, body) => resolve(body as BodySource),
      });
    });
    let taken = 0;
    let stop = true;
    const ended = new Promise<void>((resolve, reject) => {
      source.start({
        write(chunk) {
          taken += chunk.length;
          return !stop;
        },
        end: () => resolve(),
        fail: reject,
      });
    });
    await eventually('first bytes', () => taken > 0);
    await sleep(100);
    assert.ok(taken < 1024 * 1024, `${taken} bytes came in spite of the pause`);
    stop = false;
    source.resume();
    await ended;
    assert.equal(taken, size);
  });

  test('an early answer ends the upload', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      peer.socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig');
    });
    const body = new PushedBody(1_000_000, (sink) => sink.write(Buffer.alloc(1000)));
    const outcome = await exchange(open(t, backend.origin), { method: 'PUT', body });
    assert.equal(outcome.status, 413);
    assert.equal(outcome.body, 'big');
    await eventually('closed', () => backend.peers[0]?.ended === true);
  });

  for (const length of [50_000_000, undefined]) {
    test(`the answer of a node that closes during an upload is read, ${length ?? 'chunked'}`, async (t) => {
      let push = (): void => {};
      const backend = await rawBackend(t, async (peer) => {
        await peer.head();
        peer.socket.pause();
        const answer = 'HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig';
        peer.socket.write(answer, 'latin1', () => {
          peer.socket.destroy();
          // Written to before it is read: the write fails.
          push();
          push();
        });
      });
      const transport = open(t, backend.origin);
      for (let i = 0; i < 5; i++) {
        const body = new PushedBody(length, (sink) => {
          push = () => void sink.write(Buffer.alloc(65_536));
          push();
        });
        // oxlint-disable-next-line no-await-in-loop -- one upload after the other
        const outcome = await exchange(transport, { method: 'PUT', body });
        assert.equal(outcome.error, undefined);
        assert.equal(outcome.status, 413);
        assert.equal(outcome.body, 'big');
      }
    });
  }

  test('a client that breaks off breaks off at the node', async (t) => {
    const backend = await rawBackend(t, () => {});
    const body = new PushedBody(1000, (sink) => {
      sink.write(Buffer.alloc(10));
      setTimeout(() => sink.fail(new Error('gone')), 10);
    });
    const outcome = await exchange(open(t, backend.origin), { method: 'PUT', body });
    assert.match(outcome.error?.message ?? '', /gone/);
    assert.equal(outcome.phase, 'sent');
    await eventually(
      'closed',
      () => backend.peers[0]?.isClosed === true || backend.peers[0]?.ended === true,
    );
  });

  test('abort closes the connection and calls nobody', async (t) => {
    const backend = await rawBackend(t, () => {});
    let calls = 0;
    const count = () => calls++;
    const under = open(t, backend.origin).send(plainGet, {
      onInformation: count,
      onHead: count,
      onUpgrade: count,
      onError: count,
    });
    await eventually('request', () => backend.peers[0]?.received.includes('\r\n\r\n') === true);
    under.abort();
    await eventually(
      'closed',
      () => backend.peers[0]?.ended === true || backend.peers[0]?.isClosed === true,
    );
    assert.equal(calls, 0);
  });

  test('cancelling a body closes the connection', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      peer.socket.write(`${ok}Content-Length: 1000\r\n\r\nsome`);
    });
    const source = await new Promise<BodySource>((resolve, reject) => {
      open(t, backend.origin).send(plainGet, {
        onInformation: () => {},
        onUpgrade: () => {},
        onError: reject,
        onHead: (_status, _text, _headers, body) => resolve(body as BodySource),
      });
    });
    source.cancel();
    await eventually(
      'closed',
      () => backend.peers[0]?.ended === true || backend.peers[0]?.isClosed === true,
    );
  });

  test('switches protocols', async (t) => {
    let head = '';
    const backend = await rawBackend(t, async (peer) => {
      head = await peer.head();
      peer.socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst',
      );
      await peer.until(({ received }) => received.includes('ping'));
      peer.socket.write('pong');
    });
    const outcome = await exchange(open(t, backend.origin), { upgrade: 'websocket' });
    assert.match(head, /\r\nconnection: upgrade\r\nupgrade: websocket\r\n/i);
    assert.equal(outcome.status, 101);
    assert.deepEqual(outcome.headers, ['Connection', 'Upgrade', 'Upgrade', 'websocket']);
    const { socket, head: first } = outcome.upgraded as NonNullable<Outcome['upgraded']>;
    let text = first.toString();
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.resume();
    socket.write('ping');
    await eventually('both directions', () => text === 'firstpong');
    socket.destroy();
  });

  test('an upgrade that is refused is a common answer', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      peer.socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno');
    });
    const outcome = await exchange(open(t, backend.origin), { upgrade: 'websocket' });
    assert.equal(outcome.status, 403);
    assert.equal(outcome.body, 'no');
  });

  const failures: {
    name: string;
    play: (peer: RawConnection) => unknown;
    code: string;
    phase: string;
    request?: Partial<UpstreamRequest>;
  }[] = [
    {
      name: 'closing before the answer',
      play: async (peer) => {
        await peer.head();
        peer.socket.destroy();
      },
      code: 'UPSTREAM_BROKEN',
      phase: 'sent',
    },
    {
      name: 'half-closing before the answer',
      play: async (peer) => {
        await peer.head();
        peer.socket.end();
      },
      code: 'UPSTREAM_BROKEN',
      phase: 'sent',
    },
    {
      name: 'a reset before the answer',
      play: async (peer) => {
        await peer.head();
        peer.reset();
      },
      code: 'UPSTREAM_BROKEN',
      phase: 'sent',
    },
    {
      name: 'half a head',
      play: async (peer) => {
        await peer.head();
        peer.socket.end('HTTP/1.1 200 OK\r\nConte');
      },
      code: 'UPSTREAM_BROKEN',
      phase: 'sent',
    },
    {
      name: 'silence',
      play: () => {},
      code: 'UPSTREAM_TIMEOUT',
      phase: 'sent',
      request: { headTimeout: 200 },
    },
    {
      name: 'a head that never ends',
      play: async (peer) => {
        await peer.head();
        peer.socket.write(ok);
        const drip = setInterval(() => peer.socket.write('X: y\r\n'), 50);
        peer.socket.once('close', () => clearInterval(drip));
      },
      code: 'UPSTREAM_TIMEOUT',
      phase: 'sent',
      request: { headTimeout: 300 },
    },
  ];
  for (const { name, play, code, phase, request } of failures) {
    test(`tells ${name}`, async (t) => {
      const backend = await rawBackend(t, play);
      const outcome = await exchange(open(t, backend.origin), request);
      assert.equal(outcome.error?.code, code);
      assert.equal(outcome.phase, phase);
      await eventually(
        'closed',
        () => backend.peers[0]?.isClosed === true || backend.peers[0]?.ended === true,
      );
    });
  }

  const brokenBodies = {
    'a body cut short': `${ok}Content-Length: 10\r\n\r\nhalf`,
    'chunks cut short': `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`,
    'the last chunk missing': `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
  };
  for (const [name, response] of Object.entries(brokenBodies)) {
    test(`tells ${name}`, async (t) => {
      const backend = await rawBackend(t, async (peer) => {
        await peer.head();
        peer.socket.end(response);
      });
      const outcome = await exchange(open(t, backend.origin));
      assert.equal((outcome.bodyError ?? outcome.error)?.code, 'UPSTREAM_BROKEN');
    });
  }

  test('tells silence within a body', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      peer.socket.write(`${ok}Content-Length: 10\r\n\r\nhalf`);
    });
    const outcome = await exchange(open(t, backend.origin), { bodyTimeout: 200 });
    assert.equal(outcome.bodyError?.code, 'UPSTREAM_TIMEOUT');
    assert.equal(outcome.body, 'half');
  });

  test('tells a node that refuses connections', async (t) => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const body = new PushedBody(10);
    const transport = open(t, `${tls ? 'https' : 'http'}://127.0.0.1:${port}`);
    const outcome = await exchange(transport, { method: 'POST', body });
    assert.equal(outcome.error?.code, 'UPSTREAM_CONNECT');
    assert.equal(outcome.phase, 'connect');
    assert.equal(body.sink, null);
    assert.equal(body.cancelled, false);
  });

  test('notices that an idle connection was closed', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      for (;;) {
        await peer.head();
        peer.socket.write(`${ok}Content-Length: 2\r\n\r\nhi`);
      }
    });
    const transport = open(t, backend.origin);
    await exchange(transport);
    const [first] = backend.peers;
    first?.socket.end();
    await eventually('the gateway closing its side', () => first?.ended === true);
    assert.equal((await exchange(transport)).body, 'hi');
    assert.equal(backend.peers.length, 2);
  });

  test('does not use a connection on which a node spoke unasked', async (t) => {
    const backend = await rawBackend(t, async (peer, index) => {
      for (;;) {
        await peer.head();
        const extra = index === 0 ? `${ok}Content-Length: 4\r\n\r\nevil` : '';
        peer.socket.write(`${ok}Content-Length: 2\r\n\r\nhi${extra}`);
      }
    });
    const transport = open(t, backend.origin);
    assert.equal((await exchange(transport)).body, 'hi');
    await eventually('closed', () => backend.peers[0]?.ended === true);
    assert.equal((await exchange(transport)).body, 'hi');
    assert.equal(backend.peers.length, 2);
  });

  test('opens no more connections than allowed, and serves those who wait', async (t) => {
    const backend = await rawBackend(t, async (peer) => {
      for (;;) {
        await peer.head();
        setTimeout(() => peer.socket.write(`${ok}Content-Length: 2\r\n\r\nhi`), 5);
      }
    });
    const transport = open(t, backend.origin, { maxConnections: 2 });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => exchange(transport)));
    assert.ok(outcomes.every(({ body }) => body === 'hi'));
    assert.equal(backend.peers.length, 2);
  });

  test('gives up waiting for a connection', async (t) => {
    const backend = await rawBackend(t, () => {});
    const transport = open(t, backend.origin, {
      maxConnections: 1,
      waitTimeout: 100,
      connectTimeout: 200,
    });
    void exchange(transport);
    const outcome = await exchange(transport);
    assert.equal(outcome.error?.code, 'UPSTREAM_BUSY');
    assert.equal(outcome.phase, 'connect');
  });

  test('close waits for what is under way', async (t) => {
    let answer: (() => void) | undefined;
    const backend = await rawBackend(t, async (peer) => {
      await peer.head();
      answer = () => peer.socket.write(`${ok}Content-Length: 2\r\n\r\nhi`);
    });
    const transport = open(t, backend.origin);
    const outcome = exchange(transport);
    await eventually('connected', () => backend.peers.length === 1);
    let closed = false;
    const closing = transport.close().then(() => (closed = true));
    await sleep(30);
    assert.equal(closed, false);
    await eventually('request', () => answer !== undefined);
    answer?.();
    assert.equal((await outcome).body, 'hi');
    await closing;
    await eventually('closed', () => backend.peers[0]?.ended === true);
  });
}

/** A connection is free again a turn of the event loop after its response. */
async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function send(peer: RawConnection, text: string, slowly: boolean): Promise<void> {
  if (!slowly) {
    peer.socket.write(text, 'latin1');
    return;
  }
  for (const character of text) {
    peer.socket.write(character, 'latin1');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

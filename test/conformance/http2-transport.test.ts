/** What the transport for HTTP/2 makes of nodes that speak it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttp1Server } from 'node:http';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BodySource } from '../../src/http/body/body.ts';
import { Http2Transport } from '../../src/cluster/transport/http2/transport.ts';
import type { ConnectionSettings } from '../../src/cluster/transport/transport.ts';
import { http2Node, type Play, rawHttp2Node } from '../support/http2-node.ts';
import {
  connections,
  exchange,
  type Outcome,
  plainGet,
  PushedBody,
} from '../support/raw-backend.ts';
import {
  block,
  type Field,
  flags,
  type Frame,
  frame,
  frameTypes,
  uint32,
} from '../support/raw-http2.ts';
import { eventually } from '../support/eventually.ts';

const { DATA, GOAWAY, HEADERS, RST_STREAM } = frameTypes;
const end = flags.endHeaders | flags.endStream;

function open(t: TestContext, origin: string, settings: Partial<ConnectionSettings> = {}) {
  const transport = new Http2Transport(origin, { ...connections, ...settings });
  t.after(() => transport.destroy());
  return transport;
}

function head(status: string, ...fields: Field[]): Buffer {
  return block([[':status', status], ...fields]);
}

/** The body of a response, before anybody reads it. */
function unreadBody(transport: Http2Transport): Promise<BodySource> {
  return new Promise((resolve, reject) => {
    transport.send(plainGet, {
      onInformation: () => {},
      onUpgrade: () => {},
      onError: reject,
      onHead: (_status, _text, _headers, body) => resolve(body as BodySource),
    });
  });
}

suite('transport http2', { timeout: 100_000 }, () => {
  test('passes a request on with its fields, one Cookie, and TE as the client sent it', async (t) => {
    const seen: string[][] = [];
    const node = await http2Node(t, (stream, _headers, raw) => {
      seen.push(raw);
      stream.respond({ ':status': 200 });
      stream.end('ok');
    });
    const transport = open(t, node.origin);
    const headers = ['Cookie', 'a=1', 'X-A', 'caf\xe9', 'cookie', 'b=2', 'X-A', '2'];
    const asked = { target: '/a%20b?c', host: 'a.example', headers };
    assert.equal((await exchange(transport, { ...asked, acceptsTrailers: true })).body, 'ok');
    const lines = { headers: 'Cookie: a=1\r\nCookie: b=2\r\n' };
    assert.equal((await exchange(transport, lines)).body, 'ok');
    const pseudo = (target: string, host: string) => [
      ':method',
      'GET',
      ':path',
      target,
      ':scheme',
      'https',
      ':authority',
      host,
    ];
    assert.deepEqual(seen, [
      [
        ...pseudo('/a%20b?c', 'a.example'),
        'x-a',
        'caf\xe9',
        'x-a',
        '2',
        'cookie',
        'a=1; b=2',
        'te',
        'trailers',
      ],
      [...pseudo('/', 'backend'), 'cookie', 'a=1; b=2'],
    ]);
    assert.equal(node.sessionsEver, 1);
  });

  for (const [what, request] of [
    ['a field', { headers: ['X-A', '1\r\nX-B: 2'] }],
    ['a Host', { host: 'a\r\nX-B: 2' }],
    ['a target', { target: '/ HTTP/1.1' }],
    ['a method', { method: 'GE T' }],
  ] as const) {
    test(`refuses ${what} with an illegal character`, async (t) => {
      const node = await http2Node(t, (stream) => stream.respond({ ':status': 200 }));
      const transport = open(t, node.origin);
      assert.equal((await exchange(transport, request)).error?.code, 'REQUEST_MALFORMED');
      assert.equal(node.streams, 0);
    });
  }

  for (const size of [0, 1, 65_535, 65_536, 1_000_000]) {
    test(`sends ${size} bytes, in memory and streamed, with trailers`, async (t) => {
      let trailers: IncomingHttpHeaders = {};
      const node = await http2Node(t, (stream) => {
        let count = 0;
        stream.on('data', (chunk: Buffer) => (count += chunk.length));
        stream.on('trailers', (fields: IncomingHttpHeaders) => (trailers = fields));
        stream.on('end', () => {
          stream.respond({ ':status': 200 });
          stream.end(`${count}`);
        });
      });
      const transport = open(t, node.origin);
      const whole = { method: 'POST', body: Buffer.alloc(size) };
      assert.equal((await exchange(transport, whole)).body, `${size}`);
      let left = size;
      let sink: PushedBody['sink'] = null;
      const push = (): void => {
        while (left > 0) {
          const chunk = Buffer.alloc(Math.min(left, 16_384));
          left -= chunk.length;
          if (sink?.write(chunk) === false) return;
        }
        sink?.end(['X-Sum', '7']);
        sink = null;
      };
      const body = new PushedBody(undefined, (to) => {
        sink = to;
        setImmediate(push);
      });
      body.resume = push;
      assert.equal((await exchange(transport, { method: 'POST', body })).body, `${size}`);
      assert.equal(trailers['x-sum'], '7');
    });
  }

  for (const size of [0, 1, 65_536, 65_537, 100_000, 1_000_000]) {
    test(`a body of ${size} bytes with trailers comes whole to a slow reader`, async (t) => {
      const node = await http2Node(t, (stream) => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.alloc(size, 'x'));
      });
      const source = await unreadBody(open(t, node.origin));
      // All that the node may send ahead is here.
      await sleep(100);
      let taken = 0;
      const trailers = await new Promise((resolve, reject) => {
        source.start({
          write(chunk) {
            taken += chunk.length;
            setTimeout(() => source.resume(), 1);
            return false;
          },
          end: resolve,
          fail: reject,
        });
      });
      assert.equal(taken, size);
      assert.deepEqual(trailers, ['grpc-status', '0']);
    });
  }

  test('a head that ends the stream has no body; interim heads are passed on', async (t) => {
    const node = await rawHttp2Node(t, async (peer) => {
      await peer.next(HEADERS, 1);
      peer.send(
        frame(HEADERS, flags.endHeaders, 1, head('103', ['link', '</a>'])),
        frame(HEADERS, end, 1, head('200', ['grpc-status', '5'])),
      );
    });
    const outcome = await exchange(open(t, node.origin));
    assert.deepEqual(outcome.information, [{ status: 103, headers: ['link', '</a>'] }]);
    assert.equal(outcome.body, null);
    assert.deepEqual(outcome.headers, ['grpc-status', '5']);
  });

  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ] as const) {
    test(`${method} with ${status} has no body, and leaves no stream`, async (t) => {
      const node = await http2Node(t, (stream) => {
        stream.respond({ ':status': status });
        stream.end();
      });
      const transport = open(t, node.origin);
      assert.equal((await exchange(transport, { method })).body, null);
      await eventually('the end of the stream', () => node.streams === 0);
      assert.equal((await exchange(transport, { method })).status, status);
    });
  }

  for (const status of ['099', '42', '1000', 'abc', '101', '']) {
    test(`refuses the status ${JSON.stringify(status)}`, async (t) => {
      const node = await rawHttp2Node(t, async (peer) => {
        await peer.next(HEADERS, 1);
        peer.send(frame(HEADERS, end, 1, head(status)));
      });
      const outcome = await exchange(open(t, node.origin), { headTimeout: 2_000 });
      assert.equal(outcome.error?.code, 'UPSTREAM_BROKEN');
    });
  }

  const unfinished: Record<string, Buffer[]> = {
    'reset without an error': [frame(RST_STREAM, 0, 1, uint32(0))],
    'reset with an error': [frame(RST_STREAM, 0, 1, uint32(2))],
    'ended with the connection': [],
  };
  for (const [name, frames] of Object.entries(unfinished)) {
    test(`a response that is ${name} is not complete`, async (t) => {
      const node = await rawHttp2Node(t, async (peer) => {
        await peer.next(HEADERS, 1);
        peer.send(
          frame(HEADERS, flags.endHeaders, 1, head('200')),
          frame(DATA, 0, 1, Buffer.from('half')),
        );
        await sleep(30);
        peer.send(...frames);
        if (frames.length === 0) peer.socket.destroy();
      });
      const outcome = await exchange(open(t, node.origin));
      assert.equal(outcome.bodyError?.code, 'UPSTREAM_BROKEN');
    });
  }

  test('an early answer is whole, and ends the upload', async (t) => {
    const node = await rawHttp2Node(t, async (peer) => {
      await peer.next(HEADERS, 1);
      peer.send(
        frame(HEADERS, flags.endHeaders, 1, head('413')),
        frame(DATA, flags.endStream, 1, Buffer.from('big')),
        frame(RST_STREAM, 0, 1, uint32(0)),
      );
    });
    const body = new PushedBody(1_000_000, (sink) => sink.write(Buffer.alloc(1000)));
    const outcome = await exchange(open(t, node.origin), { method: 'PUT', body });
    assert.equal(outcome.status, 413);
    assert.equal(outcome.body, 'big');
    assert.equal(body.cancelled, true);
  });

  const refusals: Record<string, Buffer[]> = {
    REFUSED_STREAM: [frame(RST_STREAM, 0, 1, uint32(7))],
    'GOAWAY of no stream': [frame(GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(0)]))],
    'GOAWAY with an error': [frame(GOAWAY, 0, 0, Buffer.concat([uint32(0), uint32(11)]))],
  };
  for (const [name, frames] of Object.entries(refusals)) {
    test(`${name} tells that the request was not processed`, async (t) => {
      const node = await rawHttp2Node(t, async (peer) => {
        await peer.next(HEADERS, 1);
        peer.send(...frames);
      });
      const outcome = await exchange(open(t, node.origin), {
        method: 'POST',
        body: Buffer.from('a'),
      });
      assert.equal(outcome.error?.code, 'UPSTREAM_BROKEN');
      assert.equal(outcome.phase, 'refused');
    });
  }

  test('GOAWAY lets requests that the node has taken finish; others take a new connection', async (t) => {
    const node = await rawHttp2Node(t, async (peer) => {
      await peer.next(HEADERS, 1);
      peer.send(
        frame(GOAWAY, 0, 0, Buffer.concat([uint32(1), uint32(0)])),
        frame(HEADERS, flags.endHeaders, 1, head('200')),
      );
      await sleep(100);
      peer.send(frame(DATA, flags.endStream, 1, Buffer.from('taken')));
    });
    const transport = open(t, node.origin);
    const first = exchange(transport);
    await sleep(60);
    const second = exchange(transport);
    assert.equal((await first).body, 'taken');
    assert.equal((await second).body, 'taken');
    assert.equal(node.sockets.size, 2);
  });

  test('no more requests share a connection than the node allows', async (t) => {
    let most = 0;
    const node = await http2Node(
      t,
      async (stream) => {
        most = Math.max(most, node.streams / node.sessions);
        await sleep(20);
        stream.respond({ ':status': 200 });
        stream.end('ok');
      },
      { maxConcurrentStreams: 3 },
    );
    const transport = open(t, node.origin, { maxConnections: 2 });
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => exchange(transport)));
    assert.deepEqual(new Set(outcomes.map(({ body }) => body)), new Set(['ok']));
    assert.ok(most <= 3, `${most}`);
    assert.equal(node.sessionsEver, 2);
  });

  test('a connection that is not used is closed; close waits for what is under way', async (t) => {
    const node = await http2Node(t, async (stream) => {
      await sleep(100);
      stream.respond({ ':status': 200 });
      stream.end('ok');
    });
    const transport = open(t, node.origin, { idleTimeout: 200 });
    assert.equal((await exchange(transport)).body, 'ok');
    await eventually('the close', () => node.sessions === 0);
    const under = exchange(transport);
    await eventually('the request', () => node.streams === 1);
    await transport.close();
    assert.equal((await under).body, 'ok');
    await eventually('the close', () => node.sessions === 0);
  });

  test('a node that says nothing is timed, and its connection takes no other request', async (t) => {
    let silent = true;
    const node = await http2Node(t, (stream) => {
      if (silent) return;
      stream.respond({ ':status': 200 });
      stream.end('ok');
    });
    const transport = open(t, node.origin);
    const outcome = await exchange(transport, { headTimeout: 200 });
    assert.equal(outcome.error?.code, 'UPSTREAM_TIMEOUT');
    assert.equal(outcome.phase, 'sent');
    silent = false;
    assert.equal((await exchange(transport)).body, 'ok');
    assert.equal(node.sessionsEver, 2);
  });

  test('silence within a body is timed', async (t) => {
    const node = await http2Node(t, (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half');
    });
    const outcome: Outcome = await exchange(open(t, node.origin), { bodyTimeout: 200 });
    assert.equal(outcome.bodyError?.code, 'UPSTREAM_TIMEOUT');
    assert.equal(outcome.body, 'half');
  });

  for (const sent of [0, 100, 200_000]) {
    test(`an upload that breaks off after ${sent} bytes never looks complete`, async (t) => {
      const frames: Frame[] = [];
      const node = await rawHttp2Node(t, async (peer) => {
        await peer.next(RST_STREAM, 1);
        frames.push(...peer.frames.filter(({ stream }) => stream === 1));
      });
      const transport = open(t, node.origin);
      const body = new PushedBody(undefined, (sink) => {
        if (sent > 0) sink.write(Buffer.alloc(sent));
        setTimeout(() => sink.fail(new Error('gone')), 30);
      });
      const outcome = await exchange(transport, { method: 'POST', body });
      assert.match(outcome.error?.message ?? '', /gone/);
      await eventually('the reset', () => frames.length > 0);
      for (const one of frames.slice(0, -1)) assert.equal(one.flags & flags.endStream, 0);
    });
  }

  test('a request body waits while the node does not read', async (t) => {
    const node = await http2Node(t, (stream) => stream.pause());
    const body = new PushedBody(undefined);
    void exchange(open(t, node.origin), { method: 'POST', body });
    await eventually('started', () => body.sink !== null);
    let written = 0;
    for (; written < 100; written++) {
      if (body.sink?.write(Buffer.alloc(16_384)) === true) continue;
      const { resumed } = body;
      // oxlint-disable-next-line no-await-in-loop -- as a source that waits to be resumed
      await sleep(30);
      if (body.resumed === resumed) break;
    }
    assert.ok(written < 100, 'never asked to pause');
  });
});

function letter(i: number): string {
  return String.fromCharCode(97 + (i % 26));
}

suite('transport http2 without TLS', { timeout: 60_000 }, () => {
  async function plainNode(t: TestContext, play: Play): Promise<string> {
    const server = createServer();
    server.on('stream', (stream: ServerHttp2Stream, headers, _flags, raw) => {
      stream.on('error', () => {});
      play(stream, headers, raw);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test('bodies and trailers pass both ways, many at a time', async (t) => {
    const origin = await plainNode(t, (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        stream.respond(
          { ':status': 200, 'x-scheme': headers[':scheme'] },
          { waitForTrailers: true },
        );
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '7' }));
        stream.end(Buffer.concat(chunks));
      });
    });
    const transport = open(t, origin, { maxConnections: 1 });
    const outcomes = await Promise.all(
      Array.from({ length: 150 }, (_, i) => {
        const body = Buffer.alloc(i * 3_001, letter(i));
        return exchange(transport, { method: 'POST', body });
      }),
    );
    for (const [i, outcome] of outcomes.entries()) {
      assert.ok(outcome.body === letter(i).repeat(i * 3_001), `body ${i}`);
      assert.deepEqual(outcome.headers?.slice(0, 2), ['x-scheme', 'http']);
      assert.deepEqual(outcome.trailers, ['x-sum', '7']);
    }
  });

  test('a node that speaks HTTP/1.1 alone cannot be reached', async (t) => {
    const server = createHttp1Server((_request, response) => response.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const outcome = await exchange(open(t, `http://127.0.0.1:${port}`));
    assert.equal(outcome.error?.code, 'UPSTREAM_CONNECT');
    assert.equal(outcome.phase, 'connect');
  });
});

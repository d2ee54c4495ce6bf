/** What HTTP asks of a gateway, on raw sockets at both sides of a whole one. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ask } from '../support/clients.ts';
import { startBackend, startGateway } from '../support/gateway.ts';
import { rawBackend } from '../support/raw-backend.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';

const ok = 'HTTP/1.1 200 OK\r\n';
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** A gateway in front of a backend that plays `play` on each connection. */
async function through(t: TestContext, play: (peer: RawConnection) => unknown, more = '') {
  const backend = await rawBackend(t, play);
  const gateway = await startGateway(
    t,
    `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: main }]
flow: [{ name: main, filter: [{ http: { host: "${backend.origin.slice(7)}"${more} } }] }]
`,
    { args: ['--workers', '1'] },
  );
  return { backend, port: await gateway.port('main'), gateway };
}

/** Answers every request on the connection with `response`. */
function always(response: string | Buffer) {
  return async (peer: RawConnection): Promise<void> => {
    for (;;) {
      await peer.head();
      peer.socket.write(response);
    }
  };
}

suite('proxying', () => {
  test('interim responses are passed on, but for 100 and to HTTP/1.0', async (t) => {
    const { port } = await through(
      t,
      always(
        'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n' +
          'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.js>\r\n\r\n' +
          `${ok}Content-Length: 2\r\n\r\nhi`,
      ),
    );
    const client = await RawConnection.connect(t, port);
    client.send(get);
    const received = await client.until(/hi$/);
    assert.match(
      received,
      /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>; rel=preload\r\nLink: <\/b\.js>\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
    );
    const old = await RawConnection.connect(t, port);
    old.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
    assert.match(await old.until(/hi$/), /^HTTP\/1\.1 200 OK\r\n/);
  });

  const expecting = (length: number, path = '/'): string =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;

  test('Expect: 100-continue goes to the node, and its 100 comes back', async (t) => {
    let asked = (): void => {};
    const held = new Promise<void>((resolve) => (asked = resolve));
    const { port, backend } = await through(t, async (peer) => {
      for (;;) {
        assert.match(await peer.head(), /\r\nExpect: 100-continue\r\n/);
        await held;
        peer.socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        await peer.until(({ received }) => received === 'body');
        peer.received = '';
        peer.socket.write(`${ok}Content-Length: 4\r\n\r\ndone`);
      }
    });
    const client = await RawConnection.connect(t, port);
    client.send(expecting(4));
    await eventually('the head at the node', () => backend.peers.length === 1);
    assert.equal(client.received, '', 'nothing is said for the node');
    asked();
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.send('body');
    assert.match(await client.until(/done$/), /HTTP\/1\.1 200 OK/);
    // Both connections stay in step.
    client.received = '';
    client.send(expecting(4));
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.send('body');
    await client.until(/done$/);
    assert.equal(backend.peers.length, 1);
  });

  test('a node that refuses before the body spares the client the upload', async (t) => {
    const { port, backend } = await through(t, async (peer) => {
      await peer.head();
      peer.socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig');
    });
    for (const length of [4, 1_000_000_000]) {
      const client = await RawConnection.connect(t, port);
      client.send(expecting(length));
      const received = await client.until(/big$/);
      assert.match(received, /^HTTP\/1\.1 413 Too Large\r\n[^]*\r\nConnection: close\r\n/);
      // Whether the client sends the body after all cannot be known, so nothing can follow.
      await client.untilClosed();
    }
    for (const peer of backend.peers) assert.equal(peer.received, '');
  });

  test('a client is asked for its body when the node keeps silent, as old ones do', async (t) => {
    const { port } = await through(t, async (peer) => {
      for (;;) {
        await peer.head();
        await peer.until(({ received }) => received === 'body');
        peer.received = '';
        peer.socket.write(`${ok}Content-Length: 4\r\n\r\ndone`);
      }
    });
    const client = await RawConnection.connect(t, port);
    client.send(expecting(4));
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    client.send('body');
    assert.match(await client.until(/done$/), /HTTP\/1\.1 200 OK/);
    // A client that does not wait for the 100 either.
    const hasty = await RawConnection.connect(t, port);
    hasty.send(`${expecting(4)}body`);
    assert.match(await hasty.until(/done$/), /HTTP\/1\.1 200 OK/);
  });

  test('Expect: 100-continue is answered here when a filter wants the body', async (t) => {
    const { backend, gateway } = await through(t, async (peer) => {
      assert.doesNotMatch(await peer.head(), /expect/i);
      await peer.until(({ received }) => received === 'body');
      peer.socket.write(`${ok}Content-Length: 4\r\n\r\ndone`);
    });
    gateway.write(`
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: main }]
flow:
  - name: main
    filter:
      - if: { equals: { _ctx.request.body: none } }
        then: [{ drop: {} }]
      - http: { host: "${backend.origin.slice(7)}" }
`);
    assert.equal((await gateway.reload()).status, 200);
    const client = await RawConnection.connect(t, await gateway.port('main'));
    client.send(expecting(4));
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    assert.equal(backend.peers.length, 0, 'the node comes later');
    client.send('body');
    assert.match(await client.until(/done$/), /HTTP\/1\.1 200 OK/);
  });

  test('trailers go both ways', async (t) => {
    const { port } = await through(t, async (peer) => {
      await peer.head();
      await peer.until(({ received }) => received.endsWith('\r\n\r\n'));
      const { received } = peer;
      const sum = /\r\n0\r\nX-Sum: (\w+)\r\n\r\n$/.exec(received)?.[1] ?? 'none';
      peer.socket.write(
        `${ok}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: ${sum}\r\n\r\n`,
      );
    });
    const client = await RawConnection.connect(t, port);
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '2\r\nhi\r\n0\r\nX-Sum: abc\r\n\r\n',
    );
    assert.match(
      await client.until(/0\r\n(?:.*\r\n)*\r\n$/),
      /2\r\nhi\r\n0\r\nX-Sum: abc\r\n\r\n$/,
    );
  });

  test('a response that the end of the connection ends', async (t) => {
    const { port } = await through(t, async (peer) => {
      const head = await peer.head();
      peer.socket.write(`${ok}\r\nall of it`);
      if (head.startsWith('GET /broken')) setTimeout(() => peer.socket.resetAndDestroy(), 50);
      else peer.socket.end();
    });
    const client = await RawConnection.connect(t, port);
    client.send(get);
    assert.match(
      await client.until(/0\r\n\r\n$/),
      /Transfer-Encoding: chunked[^]*9\r\nall of it\r\n0\r\n\r\n$/i,
    );
    client.send(get);
    await client.until(/(?:all of it\r\n0\r\n\r\n[^]*){2}$/);
    const old = await RawConnection.connect(t, port);
    old.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
    await old.untilClosed();
    assert.match(old.received, /\r\n\r\nall of it$/);
    assert.equal(old.error, null);
    // One that a reset ends is not complete, and the client must be able to see it.
    const broken = await RawConnection.connect(t, port);
    broken.send('GET /broken HTTP/1.1\r\nHost: a\r\n\r\n');
    await broken.untilClosed();
    assert.doesNotMatch(broken.received, /0\r\n\r\n$/);
  });

  test('responses without a body keep the connection in step', async (t) => {
    const { port, backend } = await through(t, async (peer) => {
      for (;;) {
        const head = await peer.head();
        if (head.startsWith('HEAD')) peer.socket.write(`${ok}Content-Length: 5\r\n\r\n`);
        else if (head.startsWith('GET /204')) peer.socket.write('HTTP/1.1 204 No Content\r\n\r\n');
        else if (head.startsWith('GET /304')) {
          peer.socket.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 7\r\n\r\n');
        } else peer.socket.write(`${ok}Content-Length: 4\r\n\r\nlast`);
      }
    });
    const client = await RawConnection.connect(t, port);
    client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await client.until(/\r\n\r\n$/), /200 OK\r\n[^]*Content-Length: 5\r\n/);
    client.received = '';
    client.send('GET /204 HTTP/1.1\r\nHost: a\r\n\r\n');
    const none = await client.until(/\r\n\r\n$/);
    assert.match(none, /^HTTP\/1\.1 204 /);
    assert.doesNotMatch(none, /content-length|transfer-encoding/i);
    client.received = '';
    client.send('GET /304 HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await client.until(/\r\n\r\n$/), /^HTTP\/1\.1 304 [^]*ETag: "x"/);
    client.received = '';
    client.send(get);
    assert.match(await client.until(/last$/), /^HTTP\/1\.1 200 OK/);
    assert.equal(backend.peers.length, 1, 'one connection to the node');
  });

  for (const reset of [false, true]) {
    const what = reset ? ', and then resets' : '';
    test(`a node answers while the body is still coming${what}`, async (t) => {
      const { port } = await through(t, async (peer) => {
        await peer.head();
        peer.socket.write(
          'HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig',
        );
        if (reset) setTimeout(() => peer.socket.resetAndDestroy(), 20);
        else peer.socket.end();
      });
      const client = await RawConnection.connect(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n');
      const chunk = 'x'.repeat(65_536);
      const feed = setInterval(() => client.socket.writable && client.send(chunk), 1);
      t.after(() => clearInterval(feed));
      const received = await client.until(/big$/);
      assert.match(received, /^HTTP\/1\.1 413 Payload Too Large\r\n/);
      await client.untilClosed();
    });
  }

  test('switches to WebSocket and passes all bytes both ways, and each half-close', async (t) => {
    const { port } = await through(t, async (peer) => {
      const head = await peer.head();
      assert.match(head, /\r\nUpgrade: websocket\r\n/i);
      assert.match(head, /\r\nSec-WebSocket-Key: k\r\n/);
      peer.socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          'Sec-WebSocket-Accept: a\r\n\r\nfirst',
      );
      // Answers only when the client has half-closed: with how much came, then as much back.
      await peer.until(({ ended }) => ended);
      const count = peer.received.length;
      peer.socket.end(`got ${count} ${'y'.repeat(5_000_000)}`);
    });
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    t.after(() => socket.destroy());
    let received = 0;
    let text = '';
    let ended = false;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (text.length < 1000) text += chunk.toString('latin1');
    });
    socket.on('end', () => (ended = true));
    socket.on('error', () => {});
    socket.write(
      'GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\nearly',
    );
    await eventually('the switch', () => text.endsWith('first'));
    assert.match(text, /^HTTP\/1\.1 101 [^]*Upgrade: websocket\r\n/i);
    const head = received;
    socket.end(Buffer.alloc(5_000_000, 'x'));
    await eventually('all bytes', () => ended);
    assert.match(text.slice(head), /^got 5000005 y/);
    assert.equal(received - head, 'got 5000005 '.length + 5_000_000);
  });

  test('a WebSocket outlives reloads, until drain.timeout', async (t) => {
    const { gateway, backend } = await through(t, async (peer) => {
      await peer.head();
      peer.socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      );
      peer.socket.on('end', () => peer.socket.end());
      for (;;) {
        await peer.until(({ received }) => received !== '');
        const { received } = peer;
        peer.received = '';
        peer.socket.write(`echo ${received}`);
      }
    });
    const drained = (timeout: string): void =>
      gateway.write(`
entry: [{ name: main, router: main, drain: { idle: 200ms, timeout: ${timeout} }, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: main }]
flow: [{ name: main, filter: [{ http: { host: "${backend.origin.slice(7)}" } }] }]
`);
    const open = async () => {
      const client = await RawConnection.connect(t, await gateway.port('main'));
      client.send(
        'GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      );
      await client.until(/^HTTP\/1\.1 101 [^]*\r\n\r\n$/);
      return client;
    };
    for (const timeout of ['1h', '1s']) {
      drained(timeout);
      assert.equal((await gateway.reload()).status, 200);
      const client = await open();
      assert.equal((await gateway.reload()).status, 200);
      if (timeout === '1s') {
        await client.untilClosed();
        continue;
      }
      // The new worker serves, and the old one serves this connection.
      for (let i = 0; i < 3; i++) {
        client.send(`${i}`);
        await client.until(new RegExp(`echo ${i}$`));
        // The other one has nobody, and goes when it gets to it.
        await eventually('one worker to drain', async () => {
          const { draining } = await gateway.status();
          return draining.length === 1;
        });
      }
      client.socket.destroy();
    }
  });

  test('an upgrade that the node refuses is a common answer', async (t) => {
    const { port } = await through(
      t,
      always('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'),
    );
    const client = await RawConnection.connect(t, port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    assert.match(await client.until(/no$/), /^HTTP\/1\.1 403 /);
  });

  test('request_compress compresses bodies that are not, whole and streamed', async (t) => {
    const { origin } = await startBackend(t, (incoming, response) => {
      const { 'content-encoding': encoding = 'none' } = incoming.headers;
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const plain = encoding === 'gzip' ? gunzipSync(bytes) : bytes;
        const sum = createHash('sha256').update(plain).digest('hex');
        response.end(JSON.stringify({ encoding, size: bytes.length, sum }));
      });
    });
    const gateway = await startGateway(
      t,
      `
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: main }]
flow: [{ name: main, filter: [{ elasticsearch: { elasticsearch: prod } }] }]
elasticsearch: [{ name: prod, endpoint: "${origin}", request_compress: true }]
`,
    );
    const url = await gateway.origin('main');
    for (const [size, encoding] of [
      [100, 'none'],
      [10_000, 'gzip'],
      [3_000_000, 'gzip'],
    ] as const) {
      const body = Buffer.from('{"index":{}}\n'.repeat(size / 10));
      for (const path of ['/_bulk', '/_search']) {
        const answer = await ask(`${url}${path}`, { method: 'POST', body });
        const seen = JSON.parse(answer.body) as { encoding: string; size: number; sum: string };
        assert.equal(seen.encoding, encoding);
        assert.equal(seen.sum, createHash('sha256').update(body).digest('hex'));
        assert.equal(seen.size < body.length, encoding === 'gzip');
      }
    }
    const done = gzipSync('x'.repeat(5000));
    const headers = { 'Content-Encoding': 'gzip' };
    const { body } = await ask(`${url}/_bulk`, { method: 'POST', body: done, headers });
    assert.equal((JSON.parse(body) as { size: number }).size, done.length);
  });

  test('response heads of 60 KB', async (t) => {
    const fields = Array.from({ length: 60 }, (_, i) => `X-${i}: ${'v'.repeat(1000)}\r\n`).join('');
    const { port } = await through(t, always(`${ok}${fields}Content-Length: 2\r\n\r\nhi`));
    const client = await RawConnection.connect(t, port);
    client.send(get);
    const received = await client.until(/hi$/);
    assert.equal(received.match(/^X-\d+: v{1000}$/gm)?.length, 60);
  });

  test('Date, Server and Via', async (t) => {
    const seen: string[] = [];
    const play = async (peer: RawConnection): Promise<void> => {
      for (;;) {
        const head = await peer.head();
        seen.push(head);
        const dated = head.startsWith('GET /dated');
        const date = dated ? 'Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n' : '';
        peer.socket.write(`${ok}Server: node/1\r\n${date}Content-Length: 0\r\n\r\n`);
      }
    };
    const { gateway, backend } = await through(t, play);
    const origin = await gateway.origin('main');
    const dated = await ask(`${origin}/dated`);
    assert.equal(dated.headers.date, 'Mon, 01 Jan 2024 00:00:00 GMT');
    assert.equal(dated.headers.server, 'node/1');
    assert.equal(dated.headers.via, undefined);
    const undated = await ask(`${origin}/`);
    assert.ok(Math.abs(Date.parse(undated.headers.date ?? '') - Date.now()) < 10_000);
    assert.doesNotMatch(seen.join(''), /^via:/im);

    gateway.write(`
entry: [{ name: main, router: main, network: { binding: "127.0.0.1:0" } }]
router: [{ name: main, default_flow: main }]
flow: [{ name: main, filter: [{ http: { host: "${backend.origin.slice(7)}", via: edge } }] }]
`);
    assert.equal((await gateway.reload()).status, 200);
    const marked = await ask(`${await gateway.origin('main')}/`, { headers: { Via: '1.0 first' } });
    assert.equal(marked.headers.via, '1.1 edge');
    assert.match(seen.at(-1) ?? '', /\r\nVia: 1\.0 first\r\n[^]*Via: 1\.1 edge\r\n/i);
  });
});

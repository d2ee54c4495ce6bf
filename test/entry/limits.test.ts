/** Every limit of an entry, broken by a client on each way of speaking HTTP that it applies to. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { suite, test, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EntryLimits } from '../../src/config/types.ts';
import type { RequestContext } from '../../src/http/context.ts';
import { InflightBytes } from '../../src/http/body/memory-budget.ts';
import type { Handler } from '../../src/flow/filter.ts';
import { open, optionsWith } from '../support/forwarding.ts';
import { arriving } from '../support/context.ts';
import { rawBackend } from '../support/raw-backend.ts';
import { answerPath, get, startEntry } from '../support/entry.ts';
import { withTls } from '../support/tls.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';

type Changes = Partial<EntryLimits>;
/** A field that usual requests do not have. */
const unusual = 'Expect: ';
const chunked = 'Transfer-Encoding: chunked';

async function store({ request, response }: RequestContext): Promise<void> {
  const { length } = await request.readBody(1 << 30);
  response.status = 200;
  response.body = Buffer.from(`${length}`);
}

const large = Buffer.alloc(32 << 20);
function answerLarge({ response }: RequestContext): void {
  response.status = 200;
  response.body = large;
}

function serve(t: TestContext, config: Changes, flow: Handler = store) {
  return startEntry(t, flow, { config });
}

async function overHttp2(t: TestContext, config: Changes, flow: Handler = store) {
  const started = await startEntry(t, flow, { config: { ...withTls(), ...config } });
  const client = http2.connect(`https://127.0.0.1:${started.port}`, { rejectUnauthorized: false });
  client.on('error', () => {});
  t.after(() => client.destroy());
  await once(client, 'connect');
  return { ...started, client };
}

async function statusOf(stream: ClientHttp2Stream): Promise<number> {
  stream.on('error', () => {});
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  stream.resume();
  return Number(headers[':status']);
}

function post(client: ClientHttp2Session, fields: http2.OutgoingHttpHeaders = {}) {
  const stream = client.request({ ':method': 'POST', ...fields });
  stream.on('error', () => {});
  return stream;
}

/** A head that leaves its body to follow, in either framing. */
const bodies = {
  'known length': {
    head: 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n',
    part: 'x',
    end: '',
  },
  chunks: {
    head: `POST / HTTP/1.1\r\nHost: test\r\n${chunked}\r\n\r\n`,
    part: '1\r\nx\r\n',
    end: '0\r\n\r\n',
  },
};

suite('read_timeout', () => {
  for (const [front, { head, part, end }] of Object.entries(bodies)) {
    test(`${front}: silence within a body is answered with 408`, async (t) => {
      const { port } = await serve(t, { read_timeout: 300 });
      const client = await RawConnection.connect(t, port);
      client.send(head + part);
      await client.until(/^HTTP\/1\.1 408 /);
      await client.untilEnded();
      assert.match(client.received, /\r\nConnection: close\r\n/i);
    });

    test(`${front}: a slow client that goes on is served`, async (t) => {
      const { port } = await serve(t, { read_timeout: 400 });
      const client = await RawConnection.connect(t, port);
      client.send(head);
      for (let i = 0; i < 10; i++) {
        await sleep(100);
        client.send(part);
      }
      client.send(end);
      await client.until(/^HTTP\/1\.1 200 [^]*10$/);
    });
  }

  test('a body that nobody asks for yet is not waited for', async (t) => {
    const { port } = await serve(t, { read_timeout: 200 }, async (context) => {
      await sleep(800);
      await store(context);
    });
    const client = await RawConnection.connect(t, port);
    client.send(bodies.chunks.head + bodies.chunks.part);
    await sleep(700);
    assert.equal(client.received, '');
    client.send('0\r\n\r\n');
    await client.until(/^HTTP\/1\.1 200 /);
  });

  test('HTTP/2: silence within a body is answered with 408; other requests go on', async (t) => {
    const { client } = await overHttp2(t, { read_timeout: 300 });
    const silent = post(client);
    silent.write('x');
    assert.equal(await statusOf(silent), 408);
    const other = post(client);
    other.end('x');
    assert.equal(await statusOf(other), 200);
  });

  test('HTTP/2: so is silence within a body that is passed on meanwhile', async (t) => {
    const { origin } = await rawBackend(t, (peer) => peer.head());
    const cluster = open(t, [origin]);
    const { client } = await overHttp2(t, { read_timeout: 300 }, (context) =>
      cluster.forward(context, optionsWith()),
    );
    const silent = post(client);
    silent.write('x');
    const [headers] = (await once(silent, 'response')) as [http2.IncomingHttpHeaders];
    let body = '';
    for await (const chunk of silent) body += String(chunk);
    assert.equal(headers[':status'], 408);
    assert.match(body, /REQUEST_TIMEOUT/);
  });

  test('HTTP/2: a slow client that goes on is served', async (t) => {
    const { client } = await overHttp2(t, { read_timeout: 400 });
    const stream = post(client);
    const status = statusOf(stream);
    for (let i = 0; i < 10; i++) {
      await sleep(100);
      stream.write('x');
    }
    stream.end();
    assert.equal(await status, 200);
  });
});

suite('request_timeout', () => {
  for (const [front, { head, part }] of Object.entries(bodies)) {
    test(`${front}: a request that does not come to its end is answered with 408`, async (t) => {
      const { port } = await serve(t, { request_timeout: 500 });
      const client = await RawConnection.connect(t, port);
      client.send(head);
      // Whatever it sends, as long as it is not all.
      const timer = setInterval(() => client.send(part), 150);
      t.after(() => clearInterval(timer));
      await client.until(/^HTTP\/1\.1 408 /);
    });
  }

  test('HTTP/2', async (t) => {
    const { client } = await overHttp2(t, { request_timeout: 500 });
    const stream = post(client);
    const timer = setInterval(() => stream.writable && stream.write('x'), 100);
    t.after(() => clearInterval(timer));
    assert.equal(await statusOf(stream), 408);
  });
});

suite('head_timeout', () => {
  test('a head that does not come to its end is answered with 408', async (t) => {
    const { port } = await serve(t, { head_timeout: 300 });
    const client = await RawConnection.connect(t, port);
    client.send('GET / HTTP/1.1\r\n');
    const timer = setInterval(() => client.send('X: y\r\n'), 100);
    t.after(() => clearInterval(timer));
    await client.until(/^HTTP\/1\.1 408 /);
    clearInterval(timer);
    await client.untilEnded();
  });

  test('HTTP/2: a client that asks for nothing is told to go', async (t) => {
    const { client } = await overHttp2(t, { head_timeout: 300 });
    await once(client, 'goaway');
    await once(client, 'close');
  });
});

suite('idle_timeout', () => {
  for (const [front, field] of [
    ['a usual request', 'X: y'],
    ['an unusual request', 'Upgrade: h2c'],
  ] as const) {
    test(`${front}: a kept connection is closed`, async (t) => {
      const { port } = await serve(t, { idle_timeout: 300 }, answerPath);
      const client = await RawConnection.connect(t, port);
      client.send(get('/', field));
      await client.until(/^HTTP\/1\.1 200 /);
      await client.untilEnded();
    });
  }

  test('HTTP/2: GOAWAY, though the client sends pings', async (t) => {
    const { client } = await overHttp2(t, { idle_timeout: 400 });
    const stream = post(client);
    stream.end('x');
    assert.equal(await statusOf(stream), 200);
    const timer = setInterval(() => client.destroyed || client.ping(() => {}), 50);
    t.after(() => clearInterval(timer));
    await once(client, 'goaway');
    await once(client, 'close');
  });

  test('HTTP/2: not while a request is under way', async (t) => {
    const { client } = await overHttp2(
      t,
      { idle_timeout: 200, head_timeout: 200 },
      async (context) => {
        await sleep(900);
        await store(context);
      },
    );
    const stream = post(client);
    stream.end('x');
    assert.equal(await statusOf(stream), 200);
  });
});

suite('write_timeout', () => {
  for (const [front, field] of [
    ['a usual request', 'X: y'],
    ['an unusual request', unusual],
  ] as const) {
    test(`${front}: a client that takes nothing is closed`, async (t) => {
      const { port, entry } = await serve(t, { write_timeout: 500 }, answerLarge);
      const client = await RawConnection.connect(t, port);
      client.socket.pause();
      client.send(field === unusual ? get('/').replace('1.1', '1.0') : get('/', field));
      await eventually(
        'the request',
        () => entry.inspect().requests > 0 || entry.inspect().total > 0,
      );
      await eventually('the end of the connection', () => entry.inspect().connections === 0);
    });
  }

  test('HTTP/2: a client that takes nothing is closed', async (t) => {
    const { client, entry } = await overHttp2(t, { write_timeout: 500 }, answerLarge);
    // Its stream's window is used up, and never opened again.
    client
      .request({ ':path': '/' })
      .on('error', () => {})
      .pause();
    await eventually('the request', () => entry.inspect().total === 1);
    await eventually('the end of the connection', () => entry.inspect().connections === 0);
  });

  test('a client that takes a little now and then is served', async (t) => {
    const { port, entry } = await serve(t, { write_timeout: 600 }, answerLarge);
    const client = await RawConnection.connect(t, port);
    let taken = 0;
    client.socket.removeAllListeners('data');
    client.socket.pause();
    client.send(get('/'));
    for (let i = 0; i < 20; i++) {
      await sleep(100);
      // Some hundred kilobytes: less than what makes the system take more from the gateway.
      for (let part = 0; part < 4; part++) taken += client.socket.read()?.length ?? 0;
      client.socket.read(0);
    }
    assert.ok(taken > 0 && taken < large.length, `${taken}`);
    assert.equal(entry.inspect().connections, 1);
    client.socket.on('data', (chunk: Buffer) => (taken += chunk.length));
    client.socket.resume();
    await eventually('the rest', () => taken > large.length);
  });
});

suite('max_inflight_request_size', () => {
  async function breakIt(holding: () => void, second: () => Promise<number>, free: () => void) {
    holding();
    await eventually('a turn', () => true);
    assert.equal(await second(), 503);
    free();
  }

  test('HTTP/1.1: bodies in memory are counted over connections, and forgotten at the end', async (t) => {
    const { port, entry } = await serve(t, { max_inflight_request_size: 100_000 });
    const first = await RawConnection.connect(t, port);
    const second = await RawConnection.connect(t, port);
    await breakIt(
      () =>
        first.send(
          `POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 90001\r\n\r\n${'x'.repeat(90_000)}`,
        ),
      async () => {
        await eventually('the first body', () => entry.inflight.held === 90_000);
        second.send(`POST / HTTP/1.1\r\nHost: test\r\n${chunked}\r\n\r\n`);
        second.send(`4e20\r\n${'x'.repeat(20_000)}\r\n0\r\n\r\n`);
        await second.until(/^HTTP\/1\.1 \d/);
        return Number(second.received.slice(9, 12));
      },
      () => first.send('x'),
    );
    await first.until(/^HTTP\/1\.1 200 [^]*90001$/);
    await eventually('nothing held', () => entry.inflight.held === 0);
    const third = await RawConnection.connect(t, port);
    third.send(
      `POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 99000\r\n\r\n${'x'.repeat(99_000)}`,
    );
    await third.until(/^HTTP\/1\.1 200 /);
  });

  test('HTTP/2', async (t) => {
    const { client, entry } = await overHttp2(t, { max_inflight_request_size: 100_000 });
    const first = post(client);
    first.write(Buffer.alloc(90_000));
    await eventually('the first body', () => entry.inflight.held === 90_000);
    const second = post(client);
    second.end(Buffer.alloc(20_000));
    assert.equal(await statusOf(second), 503);
    first.end();
    assert.equal(await statusOf(first), 200);
    await eventually('nothing held', () => entry.inflight.held === 0);
  });

  test('bodies of responses count as well, as long as their client reads', async (t) => {
    const part = Buffer.alloc(16 << 20);
    const { port, entry } = await serve(
      t,
      { max_inflight_request_size: 40 << 20 },
      async ({ response }: RequestContext) => {
        response.status = 200;
        response.body = arriving(part);
        await response.readContent(1 << 30);
      },
    );
    const clients = await Promise.all([1, 2, 3].map(() => RawConnection.connect(t, port)));
    const [first, second, third] = clients as [RawConnection, RawConnection, RawConnection];
    for (const slow of [first, second]) {
      slow.socket.removeAllListeners('data');
      slow.socket.pause();
      slow.send(get('/'));
    }
    await eventually('two responses', () => entry.inflight.held === 32 << 20);
    third.send(get('/'));
    await third.until(/^HTTP\/1\.1 503 /);
    first.socket.destroy();
    await eventually('one response', () => entry.inflight.held === 16 << 20);
    second.socket.destroy();
    await eventually('nothing held', () => entry.inflight.held === 0);
  });

  test('what a body decompresses to counts while it does', async (t) => {
    let most = 0;
    const { port, entry } = await serve(
      t,
      { max_inflight_request_size: 10 << 20 },
      async ({ request }: RequestContext) => {
        const { inflight } = request;
        const take = inflight?.take.bind(inflight);
        Object.assign(inflight as object, {
          take: (count: number) =>
            take?.(count) && (most = Math.max(most, inflight?.held ?? 0)) > 0,
        });
        await request.readContent(1 << 30);
      },
    );
    const bomb = gzipSync(Buffer.alloc(100 << 20));
    const client = await RawConnection.connect(t, port);
    client.send(
      `POST / HTTP/1.1\r\nHost: test\r\nContent-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`,
    );
    client.socket.write(bomb);
    await client.until(/^HTTP\/1\.1 503 /);
    assert.ok(most > 5 << 20 && most <= 10 << 20, `${most}`);
    await eventually('nothing held', () => entry.inflight.held === 0);
  });

  test('entries share what their worker has', () => {
    const whole = new InflightBytes(10);
    const [one, two] = [new InflightBytes(8, whole), new InflightBytes(8, whole)];
    assert.deepEqual(
      [one.take(9), one.take(8), two.take(3), two.take(2)],
      [false, true, false, true],
    );
    one.give(8);
    assert.deepEqual([whole.held, two.take(6), two.held], [2, true, 8]);
  });

  test('a client that goes away holds nothing', async (t) => {
    const { port, entry } = await serve(t, {});
    const client = await RawConnection.connect(t, port);
    client.send(
      `POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 90001\r\n\r\n${'x'.repeat(90_000)}`,
    );
    await eventually('the body', () => entry.inflight.held === 90_000);
    client.socket.destroy();
    await eventually('nothing held', () => entry.inflight.held === 0);
  });
});

suite('max_request_body_size', () => {
  const fronts = {
    announced: `POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\n01234567890`,
    'found out': `POST / HTTP/1.1\r\nHost: test\r\n${chunked}\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n`,
  };
  for (const [front, text] of Object.entries(fronts)) {
    test(`${front}: 413`, async (t) => {
      const { port } = await serve(t, { max_request_body_size: 10 });
      const client = await RawConnection.connect(t, port);
      client.send(text);
      await client.until(/^HTTP\/1\.1 413 /);
    });
  }

  test('HTTP/2: 413, announced or not', async (t) => {
    const { client } = await overHttp2(t, { max_request_body_size: 10 });
    const announced = post(client, { 'content-length': 11 });
    announced.end('01234567890');
    assert.equal(await statusOf(announced), 413);
    const found = post(client);
    found.end('01234567890');
    assert.equal(await statusOf(found), 413);
  });
});

suite('max_header_size and max_header_count', () => {
  const many = Array.from({ length: 60 }, (_, i) => `X-${i}: y`);
  const broken: Record<string, [Changes, string]> = {
    size: [{ max_header_size: 2000 }, get('/', `X: ${'y'.repeat(2000)}`)],
    'size, an unusual request': [
      { max_header_size: 2000 },
      get('/', unusual, `X: ${'y'.repeat(2000)}`),
    ],
    count: [{ max_header_count: 50 }, get('/', ...many)],
    'count, an unusual request': [{ max_header_count: 50 }, get('/', 'Upgrade: h2c', ...many)],
  };
  for (const [name, [limits, text]] of Object.entries(broken)) {
    test(`${name}: 431`, async (t) => {
      const { port } = await serve(t, limits);
      const client = await RawConnection.connect(t, port);
      client.send(text);
      await client.until(/^HTTP\/1\.1 431 /);
    });
  }

  for (const [name, limits, fields] of [
    ['size', { max_header_size: 2000 }, { x: 'y'.repeat(4000) }],
    [
      'count',
      { max_header_count: 50 },
      Object.fromEntries(many.map((field) => field.toLowerCase().split(': '))),
    ],
  ] as const) {
    test(`${name}, HTTP/2: 431, and the connection goes on`, async (t) => {
      const { client, entry } = await overHttp2(t, limits, answerPath);
      assert.equal(await statusOf(client.request({ ':path': '/', ...fields })), 431);
      assert.equal(entry.inspect().total, 0);
      assert.equal(await statusOf(client.request({ ':path': '/' })), 200);
    });
  }
});

suite('max_requests_per_connection', () => {
  for (const [front, field] of [
    ['a usual request', 'X: y'],
    ['an unusual request', 'Upgrade: h2c'],
  ] as const) {
    test(`${front}: the last response says so`, async (t) => {
      const { port } = await serve(t, { max_requests_per_connection: 2 }, answerPath);
      const client = await RawConnection.connect(t, port);
      client.send(get('/'));
      await eventually('the first response', () => client.responses === 1);
      assert.doesNotMatch(client.received, /Connection: close/i);
      client.send(get('/', field));
      await client.untilEnded();
      assert.equal(client.responses, 2);
      assert.match(client.received, /Connection: close/i);
    });
  }

  test('HTTP/2: GOAWAY, and every request is answered', async (t) => {
    const { client } = await overHttp2(t, { max_requests_per_connection: 2 });
    const goaway = once(client, 'goaway');
    for (let i = 0; i < 2; i++) {
      const stream = post(client);
      stream.end('x');
      assert.equal(await statusOf(stream), 200);
    }
    await goaway;
    await once(client, 'close');
  });
});

suite('tcp_keepalive_in_seconds', () => {
  /** Seconds until the system probes the connection to that port; null when it will not. */
  function probeIn(port: number, peer: number): number | null {
    const hexadecimal = (number: number): string =>
      number.toString(16).toUpperCase().padStart(4, '0');
    for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
      const [, local, remote, , , timer = ''] = line.trim().split(/ +/);
      if (!local?.endsWith(`:${hexadecimal(port)}`) || !remote?.endsWith(`:${hexadecimal(peer)}`))
        continue;
      const [kind, ticks = ''] = timer.split(':');
      return kind === '02' ? Number.parseInt(ticks, 16) / 100 : null;
    }
    return assert.fail('no such connection');
  }

  for (const [name, config, least, most] of [
    ['is the quiet time before a probe', { tcp_keepalive_in_seconds: 100_000 }, 60, 101],
    ['counts for nothing with disable_tcp_keepalive', { disable_tcp_keepalive: true }, null, null],
  ] as const) {
    test(name, { skip: process.platform !== 'linux' }, async (t) => {
      const { port } = await serve(t, config, answerPath);
      const client = await RawConnection.connect(t, port);
      client.send(get('/'));
      await client.until(/200 OK/);
      const seconds = probeIn(port, client.socket.localPort ?? 0);
      if (least === null) assert.equal(seconds, null);
      else assert.ok(seconds !== null && seconds >= least && seconds <= most, `${seconds}`);
    });
  }
});

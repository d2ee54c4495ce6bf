import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BodySink } from '../../../src/http/body/body.ts';
import type { RequestContext } from '../../../src/http/context.ts';
import { answerPath, blockAfterReading, get, startEntry } from '../../support/entry.ts';
import { eventually } from '../../support/eventually.ts';
import { RawConnection } from '../../support/raw-connection.ts';

/** A flow that waits until the test lets it go. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    open: resolve,
    handle: async (context: RequestContext): Promise<void> => {
      await promise;
      answerPath(context);
    },
  };
}

suite('a lingering drain', () => {
  test('an entry without connections is drained at once, and listens no more', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    assert.deepEqual(await entry.drain({ cause: 'stopping' }), {
      answered: 0,
      quiet: 0,
      forced: 0,
    });
    const socket = net.connect({ port, host: '127.0.0.1' });
    const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException>();
    socket.on('error', resolve);
    assert.equal((await promise).code, 'ECONNREFUSED');
  });

  test('who is told to go can no longer come to the socket that closes', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    // It asks on until it is told, and comes back in the same moment.
    const { promise: back, resolve } = Promise.withResolvers<net.Socket>();
    client.socket.on('data', () => {
      if (client.received.includes('Connection: close')) {
        resolve(net.connect({ port, host: '127.0.0.1' }));
      } else client.send(get('/again'));
    });
    client.send(get('/first'));
    await client.until(/\/again/);
    const drained = entry.drain({ cause: 'stopping' });
    const socket = await back;
    t.after(() => socket.destroy());
    await assert.rejects(once(socket, 'connect'), { code: 'ECONNREFUSED' });
    client.socket.end();
    await drained;
  });

  test('a kept connection gets its next request answered, with close', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.send(get('/a'));
    await client.until(/\/a$/);
    assert.match(client.received, /Connection: keep-alive/);
    const drained = entry.drain({ cause: 'stopping' });
    await sleep(150);
    client.send(get('/b'));
    await client.untilEnded();
    assert.match(client.received, /Connection: close\r\n(?:.*\r\n)*\r\n\/b$/);
    client.socket.end();
    assert.deepEqual(await drained, { answered: 1, quiet: 0, forced: 0 });
  });

  test('a quiet connection is ended after drain.idle, not before', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.send(get('/a'));
    await client.until(/\/a$/);
    await sleep(400);
    const began = performance.now();
    const drained = entry.drain({ cause: 'stopping' });
    await client.untilEnded();
    assert.ok(performance.now() - began >= 290, 'ended too early');
    client.socket.end();
    assert.deepEqual(await drained, { answered: 0, quiet: 1, forced: 0 });
  });

  test('a request that arrived while the worker was busy is answered, however late', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.send(get('/a'));
    await client.until(/\/a$/);
    const drained = entry.drain({ cause: 'stopping' });
    await eventually('the drain', () => entry.draining);
    await blockAfterReading(600, () => client.send(get('/b')));
    await client.untilEnded();
    assert.match(client.received, /Connection: close\r\n(?:.*\r\n)*\r\n\/b$/);
    client.socket.end();
    assert.deepEqual(await drained, { answered: 1, quiet: 0, forced: 0 });
  });

  test('a request under way is finished, and its response says close', async (t) => {
    const { open, handle } = gate();
    const { port, entry } = await startEntry(t, handle);
    const client = await RawConnection.connect(t, port);
    client.send(get('/slow'));
    await eventually('the request', () => entry.inspect().requests === 1);
    const drained = entry.drain({ cause: 'stopping' });
    await sleep(700);
    assert.equal(client.ended, false, 'longer than drain.idle');
    open();
    await client.untilEnded();
    assert.match(client.received, /Connection: close\r\n(?:.*\r\n)*\r\n\/slow$/);
    client.socket.end();
    assert.deepEqual(await drained, { answered: 1, quiet: 0, forced: 0 });
  });

  test('an upload is finished, however slow', async (t) => {
    const { port, entry } = await startEntry(t, async ({ request, response }) => {
      const body = await request.readBody(1000);
      response.status = 201;
      response.body = Buffer.from(`got ${body.length}`);
    });
    const client = await RawConnection.connect(t, port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na');
    await eventually('the request', () => entry.inspect().requests === 1);
    const drained = entry.drain({ cause: 'stopping' });
    for (const byte of 'bcde') {
      await sleep(350);
      client.send(byte);
    }
    await client.untilEnded();
    assert.match(
      client.received,
      /^HTTP\/1\.1 201 (?:.*\r\n)*Connection: close\r\n(?:.*\r\n)*\r\ngot 5$/,
    );
    client.socket.end();
    assert.deepEqual(await drained, { answered: 1, quiet: 0, forced: 0 });
  });

  test('a response that is being streamed is finished; the next request says close', async (t) => {
    let sink: BodySink | undefined;
    const { port, entry } = await startEntry(t, (context) => {
      const { request, response } = context;
      if (request.path !== '/stream') {
        answerPath(context);
        return;
      }
      response.status = 200;
      response.body = {
        length: undefined,
        start: (to) => void (sink = to),
        resume() {},
        cancel() {},
      };
    });
    const client = await RawConnection.connect(t, port);
    client.send(get('/stream'));
    await eventually('start', () => sink !== undefined);
    sink?.write(Buffer.from('abc'));
    await client.until(/abc/);
    const drained = entry.drain({ cause: 'stopping' });
    await sleep(500);
    sink?.write(Buffer.from('def'));
    sink?.end();
    await client.until(/def\r\n0\r\n\r\n$/);
    client.send(get('/next'));
    await client.untilEnded();
    assert.match(client.received, /Connection: close\r\n(?:.*\r\n)*\r\n\/next$/);
    client.socket.end();
    assert.deepEqual(await drained, { answered: 1, quiet: 0, forced: 0 });
  });

  test('a head that is arriving is waited for', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    const client = await RawConnection.connect(t, port);
    client.send(get('/a'));
    await client.until(/\/a$/);
    client.send('GET /b HT');
    const drained = entry.drain({ cause: 'stopping' });
    await sleep(900);
    assert.equal(client.ended, false);
    client.send('TP/1.1\r\nHost: a\r\n\r\n');
    await client.untilEnded();
    assert.match(client.received, /\/b$/);
    client.socket.end();
    assert.deepEqual(await drained, { answered: 1, quiet: 0, forced: 0 });
  });

  test('so is one whose first bytes came with the request before it', async (t) => {
    const { open, handle } = gate();
    const { port, entry } = await startEntry(t, handle);
    const client = await RawConnection.connect(t, port);
    client.send(get('/a'));
    await eventually('the request', () => entry.inspect().requests === 1);
    client.send('GET /b HT');
    await sleep(50);
    open();
    await client.until(/\/a$/);
    const drained = entry.drain({ cause: 'stopping' });
    await sleep(900);
    client.send('TP/1.1\r\nHost: a\r\n\r\n');
    await client.untilEnded();
    assert.match(client.received, /\/b$/);
    client.socket.end();
    assert.deepEqual(await drained, { answered: 1, quiet: 0, forced: 0 });
  });

  for (const [when, before] of [
    ['before', true],
    ['after', false],
  ] as const) {
    for (const [how, handle] of [
      ['at once', answerPath],
      [
        'one by one',
        async (context: RequestContext) => {
          await sleep(20);
          answerPath(context);
        },
      ],
    ] as const) {
      test(`requests pipelined ${when} it began are all answered, ${how}`, async (t) => {
        const { port, entry } = await startEntry(t, handle);
        const client = await RawConnection.connect(t, port);
        client.send(get('/first'));
        await client.until(/\/first$/);
        const requests = ['/1', '/2', '/3', '/4', '/5'].map((path) => get(path)).join('');
        const seen = entry.inspect().total;
        if (before) {
          client.send(requests);
          await eventually('the first of five', () => entry.inspect().total > seen);
        }
        const drained = entry.drain({ cause: 'stopping' });
        await eventually('the drain', () => entry.draining);
        if (!before) client.send(requests);
        if (before && handle === answerPath) client.send(get('/last'));
        await client.untilEnded();
        for (const path of ['/1', '/2', '/3', '/4', '/5']) {
          assert.match(client.received, new RegExp(`\r\n\r\n${path}(?:HTTP|$)`));
        }
        assert.equal(client.received.match(/Connection: close/g)?.length, 1);
        client.socket.end();
        assert.deepEqual(await drained, { answered: 1, quiet: 0, forced: 0 });
      });
    }
  }

  test('connections that wait to be accepted are served', async (t) => {
    const { port, entry } = await startEntry(t, answerPath);
    const sockets = Array.from({ length: 50 }, () => net.connect({ port, host: '127.0.0.1' }));
    const clients = sockets.map((socket) => new RawConnection(socket));
    t.after(() => sockets.forEach((socket) => socket.destroy()));
    // The event loop that accepts is ours: none of them is accepted before the drain begins.
    let waiting = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const socket of sockets) socket.once('connect', () => ++waiting === 1 && resolve());
    await promise;
    const drained = entry.drain({ cause: 'stopping' });
    for (const client of clients) client.send(get('/queued'));
    await eventually('all ends', () =>
      clients.every((client) => client.ended || client.error !== null),
    );
    for (const client of clients) {
      assert.equal(client.error, null);
      assert.match(client.received, /\r\n\/queued$/);
      client.socket.end();
    }
    const { answered, quiet, forced } = await drained;
    assert.deepEqual([answered + quiet, forced], [50, 0]);
  });

  test('what is left at drain.timeout is broken off and counted', async (t) => {
    const { handle } = gate();
    const { port, entry } = await startEntry(t, handle, {
      config: { drain: { idle: 100, timeout: 500 } },
    });
    const client = await RawConnection.connect(t, port);
    client.send(get('/never'));
    await eventually('the request', () => entry.inspect().requests === 1);
    const drained = entry.drain({ cause: 'stopping' });
    assert.equal(entry.holders()[0]?.doing, 'responding');
    assert.deepEqual(await drained, { answered: 0, quiet: 0, forced: 1 });
    await eventually('the end', () => client.socket.destroyed);
  });

  test('the last answer is not destroyed by what the client sends behind it', async (t) => {
    const { port, entry } = await startEntry(t, ({ response }) => {
      response.status = 200;
      response.body = Buffer.alloc(4 << 20, 'y');
    });
    const client = await RawConnection.connect(t, port);
    client.socket.pause();
    client.send(get('/a'));
    await eventually(
      'the request',
      () => entry.inspect().requests === 1 || entry.inspect().total === 1,
    );
    const drained = entry.drain({ cause: 'stopping' });
    client.send(get('/b') + get('/c'));
    await sleep(200);
    client.send('x'.repeat(100_000));
    client.socket.resume();
    await client.untilEnded();
    assert.ok(client.received.length > 4 << 20);
    client.socket.end();
    const report = await drained;
    assert.equal(report.forced, 0);
  });

  test('slots go back as connections end', async (t) => {
    const { port, entry, ledger } = await startEntry(t, answerPath, { slots: 100 });
    const client = await RawConnection.connect(t, port);
    client.send(get('/a'));
    await client.until(/\/a$/);
    const drained = entry.drain({ cause: 'stopping' });
    await eventually('the reserve', () => ledger.free === 99);
    client.socket.destroy();
    await drained;
    assert.equal(ledger.free, 100);
  });
});

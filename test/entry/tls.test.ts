import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { RawClient, answerPath, get, startEntry, until } from '../support/entry.ts';
import { withTls } from '../support/tls.ts';

const config = withTls();

async function connect(t: TestContext, port: number): Promise<RawClient> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  const client = new RawClient(socket);
  t.after(() => socket.destroy());
  let secure = false;
  socket.on('secureConnect', () => (secure = true));
  await until(() => secure || client.failed !== null, 'the handshake');
  assert.equal(client.failed, null);
  return client;
}

suite('an entry with TLS', () => {
  test('serves requests and tells the flow of TLS and the client', async (t) => {
    const { port, entry } = await startEntry(
      t,
      ({ client, response }) => {
        response.status = 200;
        response.body = Buffer.from(
          `${client.tls} ${client.remoteAddress} ${client.remotePort > 0}`,
        );
      },
      { config },
    );
    const client = await connect(t, port);
    client.send(get() + get());
    await until(() => client.responses === 2, 'two answers');
    assert.match(client.received, /true 127\.0\.0\.1 true$/);
    assert.equal(entry.inspect().connections, 1);
    client.socket.destroy();
    await until(() => entry.inspect().connections === 0, 'close');
  });

  test('proves itself through the handshake', async (t) => {
    const { entry } = await startEntry(t, answerPath, { config });
    await entry.prove();
    assert.equal(entry.inspect().connections, 0);
    assert.equal(entry.inspect().total, 0);
  });

  test('refuses over the limit behind the handshake', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { config, permits: 0 });
    const client = await connect(t, port);
    client.send(get());
    await client.expectEnd();
    assert.match(client.received, /^HTTP\/1\.1 503 /);
    assert.equal(entry.inspect().connections, 0);
  });

  test('drains like any other: the next request says close, a head on its way is waited for', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { config });
    const kept = await connect(t, port);
    const slow = await connect(t, port);
    const quiet = await connect(t, port);
    for (const client of [kept, slow, quiet]) {
      client.send(get('/a'));
      await client.expect(/\/a$/);
    }
    const drained = entry.drain({ cause: 'stopping' });
    await until(() => entry.draining, 'the drain');
    kept.send(get('/b'));
    slow.send('GET /c HT');
    await quiet.expectEnd();
    await new Promise((resolve) => {
      setTimeout(resolve, 500);
    });
    assert.equal(slow.ended, false);
    slow.send('TP/1.1\r\nHost: a\r\n\r\n');
    await slow.expectEnd();
    await kept.expectEnd();
    assert.match(kept.received, /Connection: close\r\n(?:.*\r\n)*\r\n\/b$/);
    assert.match(slow.received, /Connection: close\r\n(?:.*\r\n)*\r\n\/c$/);
    for (const client of [kept, slow, quiet]) client.socket.end();
    assert.deepEqual(await drained, { answered: 2, quiet: 1, forced: 0 });
  });

  test('a client that goes in the middle of the handshake is gone at once', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { config });
    // The beginning of a record; whoever stays has some time for the rest.
    const begun = '\x16\x03\x01\x02\x00\x01';
    const staying = await RawClient.connect(t, port);
    staying.send(begun);
    await until(() => entry.inspect().connections === 1, 'the first connection');
    const going = await RawClient.connect(t, port);
    going.send(begun);
    await until(() => entry.inspect().connections === 2, 'the second connection');
    going.socket.end();
    await going.expectEnd();
    assert.equal(staying.ended, false);
    assert.equal(entry.inspect().connections, 1);
  });

  test('clients that reset their connections at any time leave nothing behind', async (t) => {
    const { port, entry } = await startEntry(
      t,
      async (context) => {
        await sleep(60);
        answerPath(context);
      },
      { config: { ...config, idle_timeout: 500, head_timeout: 500 }, permits: 24, permitDelay: 20 },
    );
    let left = 400;
    const leave = async (): Promise<void> => {
      const tcp = net.connect({ port, host: '127.0.0.1', noDelay: true });
      tcp.on('error', () => {});
      const closed = once(tcp, 'close');
      const socket = tls.connect({ socket: tcp, rejectUnauthorized: false });
      socket.on('error', () => {});
      await Promise.race([once(socket, 'secureConnect').catch(() => {}), closed]);
      socket.write(get());
      setTimeout(() => tcp.resetAndDestroy(), [0, 10, 59, 61, 100][left % 5]);
      await closed;
    };
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        // oxlint-disable-next-line no-await-in-loop -- so many at one time
        while (left-- > 0) await leave();
      }),
    );
    await until(
      () => entry.inspect().connections === 0,
      'the close of all',
      () => JSON.stringify(entry.holders()),
    );
  });

  test('a client that speaks plain HTTP is dropped and leaves nothing behind', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { config });
    const client = await RawClient.connect(t, port);
    client.send(get());
    await until(() => client.socket.destroyed, 'the end');
    await until(() => entry.inspect().connections === 0, 'close');
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { answerPath, get, startEntry } from '../support/entry.ts';
import { withTls } from '../support/tls.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';

const config = withTls();

async function connect(t: TestContext, port: number): Promise<RawConnection> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  const client = new RawConnection(socket);
  t.after(() => socket.destroy());
  let secure = false;
  socket.on('secureConnect', () => (secure = true));
  await eventually('the handshake', () => secure || client.error !== null);
  assert.equal(client.error, null);
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
    await eventually('two answers', () => client.responses === 2);
    assert.match(client.received, /true 127\.0\.0\.1 true$/);
    assert.equal(entry.inspect().connections, 1);
    client.socket.destroy();
    await eventually('close', () => entry.inspect().connections === 0);
  });

  test('proves itself through the handshake', async (t) => {
    const { entry } = await startEntry(t, answerPath, { config });
    await entry.prove();
    assert.equal(entry.inspect().connections, 0);
    assert.equal(entry.inspect().total, 0);
  });

  test('refuses over the limit behind the handshake', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { config, slots: 0 });
    const client = await connect(t, port);
    client.send(get());
    await client.untilEnded();
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
      await client.until(/\/a$/);
    }
    const drained = entry.drain({ cause: 'stopping' });
    await eventually('the drain', () => entry.draining);
    kept.send(get('/b'));
    slow.send('GET /c HT');
    await quiet.untilEnded();
    await sleep(500);
    assert.equal(slow.ended, false);
    slow.send('TP/1.1\r\nHost: a\r\n\r\n');
    await slow.untilEnded();
    await kept.untilEnded();
    assert.match(kept.received, /Connection: close\r\n(?:.*\r\n)*\r\n\/b$/);
    assert.match(slow.received, /Connection: close\r\n(?:.*\r\n)*\r\n\/c$/);
    for (const client of [kept, slow, quiet]) client.socket.end();
    assert.deepEqual(await drained, { answered: 2, quiet: 1, forced: 0 });
  });

  test('a client that goes in the middle of the handshake is gone at once', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { config });
    // The beginning of a record; whoever stays has some time for the rest.
    const begun = '\x16\x03\x01\x02\x00\x01';
    const staying = await RawConnection.connect(t, port);
    staying.send(begun);
    await eventually('the first connection', () => entry.inspect().connections === 1);
    const going = await RawConnection.connect(t, port);
    going.send(begun);
    await eventually('the second connection', () => entry.inspect().connections === 2);
    going.socket.end();
    await going.untilEnded();
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
      { config: { ...config, idle_timeout: 500, head_timeout: 500 }, slots: 24, slotDelay: 20 },
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
    await eventually('the close of all', () => entry.inspect().connections === 0, {
      seen: () => JSON.stringify(entry.holders()),
    });
  });

  test('a client that speaks plain HTTP is dropped and leaves nothing behind', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { config });
    const client = await RawConnection.connect(t, port);
    client.send(get());
    await eventually('the end', () => client.socket.destroyed);
    await eventually('close', () => entry.inspect().connections === 0);
  });
});

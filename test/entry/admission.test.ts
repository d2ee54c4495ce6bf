import assert from 'node:assert/strict';
import net from 'node:net';
import { suite, test } from 'node:test';
import { answerPath, get, startEntry } from '../support/entry.ts';
import { eventually } from '../support/eventually.ts';
import { RawConnection } from '../support/raw-connection.ts';

suite('max_concurrency', () => {
  test('over the limit a client gets 503 and a proper end, within it all is served', async (t) => {
    const { port, entry, ledger } = await startEntry(t, answerPath, { slots: 2 });
    const first = await RawConnection.connect(t, port);
    const second = await RawConnection.connect(t, port);
    for (const client of [first, second]) {
      client.send(get('/in'));
      await client.until(/\/in$/);
    }
    const refused = await RawConnection.connect(t, port);
    refused.send(get('/out'));
    await refused.untilEnded();
    assert.match(refused.received, /^HTTP\/1\.1 503 Service Unavailable\r\n/);
    assert.match(refused.received, /\r\nRetry-After: 1\r\n/);
    assert.match(refused.received, /\r\nConnection: close\r\n/);
    assert.match(refused.received, /TOO_MANY_CONNECTIONS/);
    assert.equal(entry.inspect().refused, 1);
    assert.equal(entry.inspect().connections, 2);

    first.send(get('/still'));
    await first.until(/\/still$/);
    first.socket.destroy();
    await eventually('room', () => entry.inspect().connections === 1);
    const next = await RawConnection.connect(t, port);
    next.send(get('/next'));
    await next.until(/\/next$/);
    next.socket.destroy();
    second.socket.destroy();
    await eventually('nobody', () => entry.inspect().connections === 0);
    ledger.recall();
    assert.equal(ledger.free, 2, 'every slot is back');
  });

  test('what a client sends while it waits for a slot is not lost', async (t) => {
    const { port } = await startEntry(t, answerPath, { slotDelay: 200 });
    const client = await RawConnection.connect(t, port);
    client.send(get('/early'));
    await client.until(/\/early$/);
  });

  test('a silent client is told, too', async (t) => {
    const { port } = await startEntry(t, answerPath, { slots: 0 });
    const client = await RawConnection.connect(t, port);
    await client.untilEnded();
    assert.match(client.received, /^HTTP\/1\.1 503 /);
  });

  test('the refusal reaches a client that goes on sending', async (t) => {
    const { port } = await startEntry(t, answerPath, { slots: 0 });
    const client = await RawConnection.connect(t, port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n');
    client.socket.write(Buffer.alloc(8_000_000));
    await client.untilEnded();
    assert.match(client.received, /^HTTP\/1\.1 503 (?:.*\r\n)*\r\n\{.*\}$/);
  });

  test('a burst is served and refused exactly', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { slots: 20 });
    const clients = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const client = await RawConnection.connect(t, port);
        client.send(get('/x'));
        return client;
      }),
    );
    await eventually('all answers', () => clients.every((client) => client.responses === 1));
    const served = clients.filter((client) => client.received.startsWith('HTTP/1.1 200'));
    assert.equal(served.length, 20);
    assert.equal(entry.inspect().refused, 40);
  });

  test('a flood of refusals is bounded, and accepting goes on', async (t) => {
    const { port, entry } = await startEntry(t, answerPath, { slots: 1 });
    const inside = await RawConnection.connect(t, port);
    inside.send(get('/a'));
    await inside.until(/\/a$/);
    const sockets: net.Socket[] = [];
    t.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (let wave = 1; wave <= 6; wave++) {
      for (let i = 0; i < 250; i++) {
        // Half-open, so that the client never ends a connection by itself.
        const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        socket.on('error', () => {});
        socket.resume();
        sockets.push(socket);
      }
      await eventually('the wave', () => entry.inspect().refused === wave * 250);
    }
    inside.send(get('/b'));
    await inside.until(/\/b$/);
    await eventually('all ends', () => sockets.every((socket) => socket.readableEnded));
    const told = sockets.filter((socket) => socket.bytesRead > 0).length;
    assert.ok(told >= 1000 && told < 1500, `${told} were told`);
  });
});

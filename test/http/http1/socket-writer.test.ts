import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { suite, test, type TestContext } from 'node:test';
import { writesDirectly } from '../../../src/runtime/sockets/direct-write.ts';
import { SocketWriter } from '../../../src/http/http1/socket-writer.ts';

/** More than the buffers of any system take. */
const plenty = 64 << 20;
const piece = 'x'.repeat(12_345);

/** Both ends of a connection; the second is not read from until somebody does. */
async function pair(t: TestContext): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[far]] = await Promise.all([once(server, 'connection'), once(near, 'connect')]);
  t.after(() => {
    near.destroy();
    (far as Socket).destroy();
    server.close();
  });
  return [near, far as Socket];
}

async function received(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

suite('a socket writer', () => {
  test('writes at once what the system takes', async (t) => {
    const [near, far] = await pair(t);
    const writer = new SocketWriter(near);
    assert.equal(writer.write('caf\xe9 '), true);
    assert.equal(writer.writeJoined('<', Buffer.from([0xff, 0x00]), '>'), true);
    assert.equal(writer.full, false);
    assert.equal(writer.waiting, false);
    near.end();
    assert.equal(await received(far), 'caf\xe9 <\xff\x00>');
  });

  test('keeps the order of what waits, of what is small, large, and written by the stream', async (t) => {
    const [near, far] = await pair(t);
    const writer = new SocketWriter(near);
    const sent: string[] = [];
    const large = Buffer.alloc(100_000, 'y');
    let size = 0;
    for (let i = 0; size < plenty; i++) {
      const text = `${i}:${piece}`;
      if (i % 3 === 0) writer.write(text);
      else if (i % 3 === 1) near.write(text, 'latin1');
      else writer.writeJoined(text, large, '.');
      const whole = i % 3 === 2 ? `${text}${large.toString('latin1')}.` : text;
      sent.push(whole);
      size += whole.length;
    }
    assert.equal(writer.full, true);
    assert.equal(writer.waiting, true);
    near.end();
    assert.ok((await received(far)) === sent.join(''), 'all bytes, in their order');
  });

  test('says when to wait, and the socket when to go on', async (t) => {
    const [near, far] = await pair(t);
    const writer = new SocketWriter(near);
    const arrived = received(far.pause());
    let size = 0;
    let drains = 0;
    while (size < plenty) {
      size += piece.length;
      if (writer.write(piece)) continue;
      assert.equal(writer.full, true);
      // oxlint-disable-next-line no-await-in-loop -- one piece after the other
      await once(near, 'drain');
      assert.equal(writer.full, false);
      assert.equal(writer.waiting, false);
      drains++;
    }
    assert.ok(drains > 0);
    near.end();
    assert.equal((await arrived).length, size);
  });

  test('says so before a write is over that ends as soon as it has begun', async (t) => {
    // Without such writes the stream is written to, to which this handle is none.
    if (!writesDirectly) return t.skip('as in Node.js 24');
    const handle = {
      writeLatin1String: () => ({ writeStatus: 0 }),
      getAsyncId: () => 0,
      readStart: () => 0,
      readStop: () => 0,
      close: () => {},
    };
    const socket = new Socket({ handle, readable: false } as never);
    const events: string[] = [];
    socket.on('drain', () => events.push('drain'));
    events.push(`${new SocketWriter(socket).write(piece)}`);
    await Promise.resolve();
    assert.deepEqual(events, ['false', 'drain']);
    socket.destroy();
  });

  test('ends the connection when what waits cannot go out', async (t) => {
    const [near, far] = await pair(t);
    const writer = new SocketWriter(near);
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    near.on('error', () => {});
    near.on('close', () => resolve());
    for (let size = 0; size < plenty && writer.write(piece); size += piece.length);
    far.resetAndDestroy();
    await closed;
    assert.equal(writer.write(piece), false);
  });

  test('may be left with something to write', async (t) => {
    const [near, far] = await pair(t);
    const writer = new SocketWriter(near);
    for (let size = 0; size < plenty && writer.write(piece); size += piece.length);
    assert.equal(writer.full, true);
    near.on('drain', () => assert.fail('nothing can be written any more'));
    near.destroy();
    await once(near, 'close');
    far.resume();
    await once(far, 'end');
  });

  test('writes to any stream', async () => {
    const chunks: Buffer[] = [];
    const stream = new Duplex({
      highWaterMark: 10,
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        setImmediate(done);
      },
    });
    const writer = new SocketWriter(stream);
    assert.equal(writer.write('1234'), true);
    assert.equal(writer.writeJoined('5', Buffer.from('6789'), '0'), false);
    assert.equal(writer.full, true);
    await once(stream, 'drain');
    assert.equal(writer.full, false);
    assert.equal(writer.waiting, false);
    assert.equal(Buffer.concat(chunks).toString(), '1234567890');
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { SocketWriter } from '../../../src/http/http1/socket-writer.ts';
import { writeReusable } from '../../../src/runtime/sockets/reusable-write.ts';
import { selfSigned } from '../../support/certificates.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

function credentials(t: TestContext): { cert: Buffer; key: Buffer } {
  const { cert, key } = selfSigned(temporaryFolder(t), 'test');
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

/** Both ends of a connection: the first is written to. */
async function pair(t: TestContext, isSecure: boolean): Promise<[Socket, Socket]> {
  const server = isSecure ? tls.createServer(credentials(t)) : createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const near = isSecure
    ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : connect(port, '127.0.0.1');
  const events = isSecure ? ['secureConnection', 'secureConnect'] : ['connection', 'connect'];
  const [[far]] = await Promise.all([
    once(server, events[0] as string),
    once(near, events[1] as string),
  ]);
  t.after(() => {
    near.destroy();
    (far as Socket).destroy();
    server.close();
  });
  return [near, far as Socket];
}

suite('memory that is written', () => {
  for (const isSecure of [false, true]) {
    test(`is used again only when all is taken, ${isSecure ? 'with' : 'without'} TLS`, async (t) => {
      const [near, far] = await pair(t, isSecure);
      const writer = new SocketWriter(near);
      far.pause();
      let memory = Buffer.alloc(60_000);
      let reused = 0;
      const writes = 400;
      const read: Buffer[] = [];
      for (let i = 0; i < writes; i++) {
        const bytes = memory.subarray(0, 100 + ((i * 997) % 59_900));
        bytes.fill(i);
        if (writeReusable(near, writer, bytes)) {
          reused++;
          memory.fill(0xee);
        } else memory = Buffer.alloc(60_000);
        // oxlint-disable-next-line no-await-in-loop -- as one write in each turn of the event loop
        await sleep(0);
        if (i === writes / 2) far.on('data', (chunk: Buffer) => read.push(chunk)).resume();
      }
      assert.ok(reused > 5 && reused < writes, `${reused}`);
      near.end();
      await once(far, 'end');
      const whole = Buffer.concat(read);
      let at = 0;
      for (let i = 0; i < writes; i++) {
        const end = at + 100 + ((i * 997) % 59_900);
        assert.ok(
          whole.subarray(at, end).every((byte) => byte === (i & 0xff)),
          `write ${i}`,
        );
        at = end;
      }
      assert.equal(whole.length, at);
    });
  }

  test('of any other stream is never used again', () => {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    assert.equal(writeReusable(stream, new SocketWriter(stream), Buffer.from('x')), false);
  });
});

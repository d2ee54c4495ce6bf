/** How every transport makes, keeps and gives up its connections. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setImmediate as settled, setTimeout as sleep } from 'node:timers/promises';
import { suite, test, type TestContext } from 'node:test';
import { Http1Transport } from '../../src/cluster/transport/http1/transport.ts';
import type { ConnectionSettings, Transport } from '../../src/cluster/transport/transport.ts';
import { connections, exchange, rawBackend } from '../support/raw-backend.ts';
import { eventually } from '../support/eventually.ts';
import { type RawConnection } from '../support/raw-connection.ts';

const empty = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n';

const subjects = [
  { name: 'http1', open: (origin: string, s: ConnectionSettings) => new Http1Transport(origin, s) },
];

function answering(more = '') {
  return async (peer: RawConnection): Promise<void> => {
    for (;;) {
      await peer.head();
      peer.socket.write(`${empty}${more}\r\n`);
    }
  };
}

/** A port that takes no more connections and refuses none: its queue is full, and nobody accepts. */
async function blackhole(t: TestContext): Promise<string> {
  const program =
    "const s = require('net').createServer().listen(0, '127.0.0.1', 1, () => console.log(s.address().port))";
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  for (;;) {
    const filler = connect(port, '127.0.0.1');
    filler.on('error', () => {});
    t.after(() => filler.destroy());
    await sleep(500);
    // Whatever has happened meanwhile is known only after the event loop has looked.
    await settled();
    if (filler.connecting) return `http://127.0.0.1:${port}`;
  }
}

for (const { name, open } of subjects) {
  suite(`connections by ${name}`, () => {
    function start(t: TestContext, origin: string, more: Partial<ConnectionSettings>): Transport {
      const transport = open(origin, { ...connections, ...more });
      t.after(() => transport.destroy());
      return transport;
    }

    test('connecting takes no longer than allowed', async (t) => {
      const transport = start(t, await blackhole(t), { connectTimeout: 400 });
      const began = performance.now();
      const { error, phase } = await exchange(transport);
      const took = performance.now() - began;
      assert.equal(error?.code, 'UPSTREAM_TIMEOUT');
      assert.equal(phase, 'connect');
      assert.ok(took >= 350 && took < 60_000, `${took} ms`);
    });

    test('a connection that is not used is closed', async (t) => {
      const backend = await rawBackend(t, answering());
      const transport = start(t, backend.origin, { idleTimeout: 300 });
      assert.equal((await exchange(transport)).status, 200);
      await eventually('the close', () => backend.peers[0]?.ended === true);
      assert.equal((await exchange(transport)).status, 200);
      assert.equal(backend.peers.length, 2);
    });

    test('a connection that is old takes no further request', async (t) => {
      const backend = await rawBackend(t, answering());
      const transport = start(t, backend.origin, { maxAge: 1000 });
      const began = performance.now();
      let asked = 0;
      while (backend.peers.length < 2) {
        assert.equal((await exchange(transport)).status, 200);
        asked++;
        await settled();
        assert.ok(performance.now() - began < 60_000, 'it grew too old');
      }
      assert.ok(performance.now() - began >= 900, 'it was used until then');
      assert.ok(asked > 2);
    });

    test("a node's word on how long it keeps a connection is believed", async (t) => {
      const backend = await rawBackend(t, answering('Keep-Alive: timeout=4\r\n'));
      const transport = start(t, backend.origin, { idleTimeout: 60_000 });
      assert.equal((await exchange(transport)).status, 200);
      await settled();
      assert.equal((await exchange(transport)).status, 200);
      assert.equal(backend.peers.length, 1);
      const began = performance.now();
      await eventually('the close', () => backend.peers[0]?.ended === true);
      assert.ok(performance.now() - began < 50_000, 'long before its own time');
    });

    test('nodes with IPv6 addresses', async (t) => {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end(`${empty}X-Family: ${socket.localFamily}\r\n\r\n`));
      });
      server.listen(0, '::1');
      await once(server, 'listening');
      t.after(() => server.close());
      const { port } = server.address() as AddressInfo;
      const { headers } = await exchange(start(t, `http://[::1]:${port}`, {}));
      assert.ok(headers.includes('IPv6'));
    });
  });
}

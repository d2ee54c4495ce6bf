/** Clients that are turned away before there is a request: told why where they can be, and counted. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { suite, test } from 'node:test';
import tls from 'node:tls';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { block, type Field, flags, frame, frameTypes, RawHttp2 } from '../support/raw-http2.ts';
import { RawConnection } from '../support/raw-connection.ts';

const configuration = `entry:
  - { name: plain, router: r, network: { binding: "127.0.0.1:0" } }
  - { name: tls, router: r, network: { binding: "127.0.0.1:0" }, tls: { enabled: true } }
  - name: proxied
    router: r
    network: { binding: "127.0.0.1:0", proxy_protocol: true }
    trusted_addresses: ["127.0.0.1"]
  - name: foreign
    router: r
    network: { binding: "127.0.0.1:0", proxy_protocol: true }
    trusted_addresses: ["10.0.0.1"]
router: [{ name: r, default_flow: f }]
flow: [{ name: f, filter: [{ set_response: { status: 200, body: ok } }] }]
api: { enabled: true, network: { binding: "127.0.0.1:0" } }
`;

suite('clients that are turned away', { timeout: 120_000 }, () => {
  test('are told why where they can be, and counted by the reason', async (t) => {
    const gateway = await startGateway(t, configuration, { args: ['--workers', '1'] });
    const send = async (entry: string, text: string): Promise<RawConnection> => {
      const client = await RawConnection.connect(t, await gateway.port(entry));
      client.send(text);
      // By a FIN or a reset: some are not listened to any further.
      await eventually('the end of the connection', () => client.socket.closed);
      return client;
    };

    const mistaken = await send('tls', 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(mistaken.received, /^HTTP\/1\.1 400 [^]*\r\n\r\nThis port speaks HTTPS[^]*\n$/);
    assert.equal(mistaken.error, null);
    await send('tls', '\x16\x03\x01\x00\x05hello');
    assert.match((await send('plain', 'nonsense\r\n\r\n')).received, /^HTTP\/1\.1 400 /);
    assert.equal((await send('proxied', 'GET / HTTP/1.1\r\n\r\n')).received, '');
    assert.equal((await send('foreign', 'PROXY UNKNOWN\r\n')).received, '');
    const socket = tls.connect({
      port: await gateway.port('tls'),
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'nonsense'.repeat(10)}`);
    socket.resume();
    await eventually('the end of the connection', () => socket.closed);

    const rejected = await eventually('the counts', async () => {
      const { entries } = await gateway.status();
      const told = entries.flatMap((entry) =>
        Object.entries(entry.rejected).flatMap(([reason, count]) =>
          count > 0 ? [`${entry.name} ${reason} ${count}`] : [],
        ),
      );
      return told.length >= 6 ? told : null;
    });
    assert.deepEqual(rejected.toSorted(), [
      'foreign untrusted_proxy 1',
      'plain malformed 1',
      'proxied proxy_header 1',
      'tls handshake 1',
      'tls malformed 1',
      'tls plain_http 1',
    ]);
    const { api } = await gateway.status();
    assert.match(
      (await ask(`http://${api?.address ?? ''}/metrics`)).body,
      /^evergate_entry_rejections_total\{entry="tls",reason="plain_http"\} 1$/m,
    );
    // A connection that says nothing is nobody's mistake.
    const silent = await RawConnection.connect(t, await gateway.port('tls'));
    silent.socket.end();
    await silent.untilClosed();
    const { entries } = await gateway.status();
    assert.equal(entries.find(({ name }) => name === 'tls')?.rejected.handshake, 1);
  });
  test('are counted for a request that is no whole one, however HTTP is spoken', async (t) => {
    const network =
      'network: { binding: "127.0.0.1:0" }, head_timeout: 500ms, max_header_size: 2048';
    const gateway = await startGateway(
      t,
      `entry:
  - { name: plain, router: r, ${network} }
  - { name: tls, router: r, ${network}, tls: { enabled: true } }
  - { name: http2, router: r, ${network}, tls: { enabled: true } }
router: [{ name: r, default_flow: f }]
flow: [{ name: f, filter: [{ set_response: { status: 200, body: ok } }] }]
`,
      { args: ['--workers', '1'] },
    );
    const large = 'x'.repeat(4096);
    const statusOf = async (entry: string, text: string): Promise<string> => {
      const port = await gateway.port(entry);
      const socket =
        entry === 'plain'
          ? net.connect(port, '127.0.0.1')
          : tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      t.after(() => socket.destroy());
      socket.on('error', () => {});
      socket.write(text);
      let answer = '';
      for await (const chunk of socket) answer += `${chunk}`;
      return answer.slice(9, 12);
    };
    const statuses = await Promise.all(
      ['plain', 'tls'].flatMap((entry) => [
        statusOf(entry, 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'),
        statusOf(entry, 'GET / HTTP/1.1\r\nHost: a'),
        statusOf(entry, `GET / HTTP/1.1\r\nHost: a\r\nX: ${large}\r\n\r\n`),
      ]),
    );
    assert.deepEqual(statuses, ['400', '408', '431', '400', '408', '431']);

    const send = async (more: readonly Field[], flag: number): Promise<RawHttp2> => {
      const client = await RawHttp2.connect(t, await gateway.port('http2'));
      const fields = [[':method', 'GET'], [':scheme', 'https'], [':path', '/'], ...more] as const;
      client.send(frame(frameTypes.HEADERS, flags.endStream | flag, 1, block(fields)));
      return client;
    };
    const [reset, refused, tooLarge, late] = await Promise.all([
      // HTTP/2 has no such field.
      send(
        [
          [':authority', 'a'],
          ['connection', 'close'],
        ],
        flags.endHeaders,
      ),
      send([[':authority', 'a b']], flags.endHeaders),
      send(
        [
          [':authority', 'a'],
          ['x', large],
        ],
        flags.endHeaders,
      ),
      send([[':authority', 'a']], 0),
    ]);
    assert.ok(await reset.next(frameTypes.RST_STREAM, 1));
    assert.ok(await refused.next(frameTypes.HEADERS, 1));
    assert.ok(await tooLarge.next(frameTypes.HEADERS, 1));
    assert.ok(await late.next(frameTypes.GOAWAY));

    const { entries } = await gateway.status();
    const counts = entries.map(
      ({ name, rejected: { malformed, head_timeout, head_too_large } }) => [
        name,
        malformed,
        head_timeout,
        head_too_large,
      ],
    );
    assert.deepEqual(counts, [
      ['plain', 1, 1, 1],
      ['tls', 1, 1, 1],
      ['http2', 2, 1, 1],
    ]);
  });

  const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;
  const skip = hasPrlimit ? false : 'prlimit is not available here';
  test('are counted when there is no descriptor for them', { skip }, async (t) => {
    const gateway = await startGateway(t, configuration, {
      wrapper: ['prlimit', '--nofile=128:128'],
      args: ['--workers', '1'],
    });
    const refusedBy = async (entry: string): Promise<void> => {
      const to = { port: await gateway.port(entry), host: '127.0.0.1' };
      const sockets = Array.from({ length: 200 }, () => {
        const socket =
          entry === 'plain' ? net.connect(to) : tls.connect({ ...to, rejectUnauthorized: false });
        socket.on('error', () => {});
        socket.write('GET / HTTP/1.1\r\n');
        return socket;
      });
      t.after(() => sockets.forEach((socket) => socket.destroy()));
      await eventually(`refused connections of ${entry}`, async () => {
        const { entries } = await gateway.status();
        return (entries.find(({ name }) => name === entry)?.rejected.accept ?? 0) > 0;
      });
      for (const socket of sockets) socket.destroy();
    };
    await refusedBy('plain');
    await refusedBy('tls');
  });
});

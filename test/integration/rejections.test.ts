/** Clients that are turned away before there is a request: told why where they can be, and counted. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import tls from 'node:tls';
import { ask } from '../support/clients.ts';
import { startGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
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
});

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeaderList } from '../../../src/http/headers/header-list.ts';
import { ForwardedFields } from '../../../src/entry/exchange/forwarded-headers.ts';
import { compileNetworks } from '../../../src/context/networks.ts';
import { get, startEntry } from '../../support/entry.ts';
import { readProxyHeader } from '../../../src/entry/connection/proxy-protocol.ts';
import { eventually } from '../../support/eventually.ts';
import { RawConnection } from '../../support/raw-connection.ts';

type Policy = 'append' | 'replace' | 'off';

/** The fields about the client that a backend gets. */
function told(policy: Policy, sent: string[], remoteAddress = '192.0.2.9'): Record<string, string> {
  const headers = new HeaderList(['Host', 'gate.test:8000', ...sent]);
  const ports = { remotePort: 1, localAddress: '', localPort: 2 };
  const client = { remoteAddress, ...ports, tls: true, forwardedAs: null };
  const isTrusted = compileNetworks(['10.0.0.0/8', 'fd00::/8', '192.168.1.1']);
  new ForwardedFields(policy, isTrusted).apply(headers, client);
  const found: Record<string, string> = {};
  headers.forEach((name, value) => {
    if (/forwarded|connection/i.test(name)) found[name.toLowerCase()] = value;
  });
  return found;
}

const lies = ['x-forwarded-for', '6.6.6.6', 'X-Forwarded-Proto', 'gopher', 'forwarded', 'for=evil'];
const ours = {
  'x-forwarded-for': '192.0.2.9',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'gate.test:8000',
  forwarded: 'for=192.0.2.9;proto=https;host="gate.test:8000"',
};

suite('forwarded', () => {
  test('trusts networks by name', () => {
    const client = { remoteAddress: '10.1.2.3', remotePort: 1, localAddress: '', localPort: 2 };
    const headers = new HeaderList(['X-Forwarded-For', '203.0.113.5']);
    const forwarded = new ForwardedFields('replace', compileNetworks(['private']));
    forwarded.apply(headers, { ...client, tls: false, forwardedAs: null });
    assert.equal(headers.get('x-forwarded-for'), '203.0.113.5, 10.1.2.3');
  });

  test('replace: what an untrusted client says is thrown away', () => {
    assert.deepEqual(told('replace', lies), ours);
    assert.deepEqual(told('replace', []), ours);
    assert.deepEqual(told('replace', ['X-Forwarded-Host', 'a', 'X-FORWARDED-HOST', 'b']), ours);
  });

  test('replace: a trusted proxy is believed, and added to', () => {
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.168.1.1']) {
      const plain = address.replace('::ffff:', '');
      assert.deepEqual(told('replace', lies, address), {
        'x-forwarded-for': `6.6.6.6, ${plain}`,
        'x-forwarded-proto': 'gopher',
        'x-forwarded-host': 'gate.test:8000',
        forwarded: `for=evil, for=${plain};proto=https;host="gate.test:8000"`,
      });
    }
    assert.equal(
      told('replace', [], 'fd00::7')['forwarded'],
      'for="[fd00::7]";proto=https;host="gate.test:8000"',
    );
  });

  test('append adds for everyone; off leaves all as it is', () => {
    assert.equal(told('append', lies)['x-forwarded-for'], '6.6.6.6, 192.0.2.9');
    const off = told('off', lies);
    assert.deepEqual(Object.values(off), ['6.6.6.6', 'gopher', 'for=evil']);
  });

  test('Connection cannot take the fields out again', () => {
    const fields = told('replace', [
      'Connection',
      'close, X-Forwarded-For',
      'connection',
      'Forwarded, x-a',
    ]);
    assert.deepEqual({ ...fields, connection: '' }, { ...ours, connection: '' });
    assert.deepEqual(
      fields['connection']?.split(',').map((option) => option.trim()),
      ['close', 'x-a'],
    );
  });
});

const v2 = (command: number, family: number, rest: Buffer): Buffer => {
  const head = Buffer.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, command, family, 0, 0]);
  head.writeUInt16BE(rest.length, 14);
  return Buffer.concat([head, rest]);
};
const ipv4 = Buffer.from([203, 0, 113, 7, 127, 0, 0, 1, 0x30, 0x39, 0, 80]);
const ipv6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.alloc(16),
  Buffer.from([0x30, 0x39, 0, 80]),
]);

suite('PROXY protocol', () => {
  test('headers of both versions, and every beginning of them', () => {
    const right: [Buffer, string | null][] = [
      [Buffer.from('PROXY TCP4 203.0.113.7 127.0.0.1 12345 80\r\n'), '203.0.113.7'],
      [Buffer.from('PROXY TCP6 2001:db8::7 ::1 12345 80\r\n'), '2001:db8::7'],
      [Buffer.from('PROXY UNKNOWN\r\n'), null],
      [Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), null],
      [v2(0x21, 0x11, ipv4), '203.0.113.7'],
      [v2(0x21, 0x11, Buffer.concat([ipv4, Buffer.from([4, 0, 1, 9])])), '203.0.113.7'],
      [v2(0x21, 0x21, ipv6), '2001:db8::7'],
      [v2(0x20, 0x00, Buffer.alloc(0)), null],
      [v2(0x21, 0x00, Buffer.alloc(0)), null],
    ];
    for (const [bytes, address] of right) {
      const header = readProxyHeader(Buffer.concat([bytes, Buffer.from('GET / ')]));
      assert.equal(header.kind, 'complete', bytes.toString());
      assert.ok(header.kind === 'complete');
      assert.equal(header.length, bytes.length);
      assert.equal(header.client?.address ?? null, address);
      if (address !== null) assert.equal(header.client?.port, 12345);
      for (let end = 0; end < bytes.length; end++) {
        assert.equal(readProxyHeader(bytes.subarray(0, end)).kind, 'unfinished', `${end}`);
      }
    }
  });

  test('anything else is refused', () => {
    const wrong = [
      'GET / HTTP/1.1\r\n',
      'PROXY TCP4 203.0.113.7 ::1 1 2\r\n',
      'PROXY TCP4 203.0.113.7 127.0.0.1 1\r\n',
      'PROXY TCP4 203.0.113.7 127.0.0.1 1 99999\r\n',
      'PROXY TCP4 203.0.113.7 127.0.0.1 01 2\r\n',
      'PROXY TCP4  203.0.113.7 127.0.0.1 1 2\r\n',
      'PROXY tcp4 203.0.113.7 127.0.0.1 1 2\r\n',
      `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`,
    ];
    for (const text of wrong)
      assert.equal(readProxyHeader(Buffer.from(text)).kind, 'malformed', text);
    assert.equal(readProxyHeader(v2(0x11, 0x11, ipv4)).kind, 'malformed');
    assert.equal(readProxyHeader(v2(0x22, 0x11, ipv4)).kind, 'malformed');
    assert.equal(readProxyHeader(v2(0x21, 0x11, ipv4.subarray(4))).kind, 'malformed');
    assert.equal(readProxyHeader(v2(0x21, 0x11, Buffer.alloc(5000))).kind, 'malformed');
  });

  const network = {
    host: '127.0.0.1',
    port: 0,
    publish: null,
    reuse_port: false,
    skip_occupied_port: false,
    proxy_protocol: true,
  };

  test('the flow sees the client that the proxy names, and so does the backend', async (t) => {
    const config = { network, trusted_addresses: ['127.0.0.0/8'] };
    const { port, entry } = await startEntry(
      t,
      ({ client, request, response }) => {
        response.status = 200;
        const forwarded = request.headers.get('x-forwarded-for');
        response.body = Buffer.from(`${client.remoteAddress} ${client.remotePort} ${forwarded}`);
      },
      { config },
    );
    for (const header of ['PROXY TCP4 203.0.113.7 127.0.0.1 12345 80\r\n', v2(0x21, 0x11, ipv4)]) {
      const client = await RawConnection.connect(t, port);
      const bytes = Buffer.concat([Buffer.from(header), Buffer.from(get())]);
      // In two pieces, within the header.
      client.socket.write(bytes.subarray(0, 10));
      await sleep(20);
      client.socket.write(bytes.subarray(10));
      await client.until(/203\.0\.113\.7 12345 203\.0\.113\.7$/);
    }
    const bad = await RawConnection.connect(t, port);
    bad.send(get());
    await eventually('the end', () => bad.socket.destroyed || bad.ended);
    assert.equal(bad.received, '');
    await eventually('its count', () => entry.inspect().connections === 2);
  });

  test('nobody but trusted proxies may connect', async (t) => {
    const config = { network, trusted_addresses: ['10.0.0.0/8'] };
    const { port } = await startEntry(t, ({ response }) => void (response.status = 200), {
      config,
    });
    const client = await RawConnection.connect(t, port);
    client.send(`PROXY TCP4 203.0.113.7 127.0.0.1 12345 80\r\n${get()}`);
    await eventually('the end', () => client.ended || client.error !== null);
    assert.equal(client.received, '');
  });
});

test('max_requests_per_connection: the last response says so', async (t) => {
  const { port } = await startEntry(t, ({ response }) => void (response.status = 200), {
    config: { max_requests_per_connection: 2 },
  });
  const client = await RawConnection.connect(t, port);
  client.send(get());
  await client.until(/^HTTP\/1\.1 200 [^]*keep-alive/i);
  client.send(get());
  await client.untilEnded();
  assert.match(client.received, /Connection: close/);
  assert.equal(client.responses, 2);
});

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { fileNameFor, LocalAuthority } from '../../src/tls/authority.ts';
import { certificateInfo } from '../../src/tls/certificate-info.ts';
import { hostNamesOf } from '../../src/tls/host-names.ts';
import { openssl } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const DAY = 24 * 3600 * 1000;
const names = { domains: ['gate.test', 'localhost'], addresses: ['127.0.0.1', '::1'] };
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test('an authority is made once, with safe permissions, and found again', async (t) => {
  const path = join(temporaryFolder(t), 'data', 'certs');
  const first = await LocalAuthority.open(path);
  const kept = readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]);
  assert.deepEqual(
    kept.map(([name]) => name),
    ['ca.crt', 'ca.key'],
  );
  assert.equal(modeOf(path), '700');
  assert.equal(modeOf(join(path, 'ca.key')), '600');
  const second = await LocalAuthority.open(path);
  assert.equal(second.certificate, first.certificate);
  assert.deepEqual(
    readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]),
    kept,
  );
});

test('many processes that open it at once all get the same one', async (t) => {
  const path = join(temporaryFolder(t), 'certs');
  const opened = await Promise.all(Array.from({ length: 8 }, () => LocalAuthority.open(path)));
  assert.equal(new Set(opened.map((authority) => authority.certificate)).size, 1);
  assert.deepEqual(readdirSync(path).sort(), ['ca.crt', 'ca.key']);
});

test('a folder that others could enter is closed', async (t) => {
  const path = temporaryFolder(t);
  chmodSync(path, 0o755);
  await LocalAuthority.open(path);
  assert.equal(modeOf(path), '700');
});

test('an authority that cannot be used is left alone, and said', async (t) => {
  const path = join(temporaryFolder(t), 'certs');
  const other = join(temporaryFolder(t), 'certs');
  const first = await (await LocalAuthority.open(path)).pairFor('web', names);
  await LocalAuthority.open(other);
  const certificate = readFileSync(join(path, 'ca.crt'), 'utf8');
  const key = readFileSync(join(path, 'ca.key'));
  writeFileSync(join(path, 'ca.key'), readFileSync(join(other, 'ca.key')));
  await assert.rejects(LocalAuthority.open(path), /ca\.key is not the key of ca\.crt/);
  rmSync(join(path, 'ca.key'));
  const keyless = await LocalAuthority.open(path);
  assert.match(keyless.notices.join(), /ca\.key is missing/);
  assert.equal((await keyless.pairFor('web', names)).cert, first.cert);
  await assert.rejects(keyless.pairFor('new', names), /ca\.key is missing/);
  assert.equal(readFileSync(join(path, 'ca.crt'), 'utf8'), certificate);
  writeFileSync(join(path, 'ca.key'), key);
  assert.deepEqual((await LocalAuthority.open(path)).notices, []);
});

test('an authority made while the clock was wrong is made anew with its key and name', async (t) => {
  for (const wrong of [500 * DAY, -4000 * DAY]) {
    const path = join(temporaryFolder(t), 'certs');
    const before = await LocalAuthority.open(path, Date.now() + wrong);
    const old = await before.pairFor('web', names, Date.now() + wrong);
    const key = readFileSync(join(path, 'ca.key'), 'utf8');
    const authority = await LocalAuthority.open(path);
    assert.match(authority.notices.join(), /ca\.crt (?:expired on|is not valid before) .*renewed/);
    assert.equal(readFileSync(join(path, 'ca.crt'), 'utf8'), authority.certificate);
    assert.equal(readFileSync(join(path, 'ca.key'), 'utf8'), key);
    assert.equal(
      certificateInfo(authority.certificate).subject,
      certificateInfo(before.certificate).subject,
    );
    const pair = await authority.pairFor('web', names);
    assert.notEqual(pair.cert, old.cert);
    assert.ok(pair.validFrom <= Date.now());
    const leaf = join(path, fileNameFor('web'));
    assert.match(openssl(path, `verify -x509_strict -CAfile ca.crt ${leaf}`), /: OK/);
    assert.deepEqual((await LocalAuthority.open(path)).notices, []);
  }
});

test('a clock that is some hours ahead makes certificates that are valid already', async (t) => {
  const path = join(temporaryFolder(t), 'certs');
  const ahead = Date.now() + 6 * 3600 * 1000;
  const pair = await (await LocalAuthority.open(path, ahead)).pairFor('web', names, ahead);
  const authority = await LocalAuthority.open(path);
  assert.deepEqual(authority.notices, []);
  assert.equal((await authority.pairFor('web', names)).cert, pair.cert);
});

test('a certificate holds every name, and strict clients verify it', async (t) => {
  const path = join(temporaryFolder(t), 'certs');
  const authority = await LocalAuthority.open(path);
  const pair = await authority.pairFor('web', names);
  const info = certificateInfo(pair.cert);
  assert.deepEqual(info.names, ['gate.test', 'localhost', '127.0.0.1', '0:0:0:0:0:0:0:1']);
  assert.equal(info.key, 'EC prime256v1');
  assert.match(info.subject, /^CN=gate\.test$/);
  assert.match(info.issuer, /^CN=Evergate CA /);
  assert.equal(modeOf(join(path, fileNameFor('web'))), '600');
  const leaf = join(path, fileNameFor('web'));
  for (const name of ['-verify_hostname gate.test', '-verify_ip 127.0.0.1', '-verify_ip ::1']) {
    const how = '-x509_strict -purpose sslserver -CAfile ca.crt';
    assert.match(openssl(path, `verify ${how} ${name} ${leaf}`), /: OK/);
  }
  const server = createServer({ cert: pair.cert, key: pair.key }, (socket) => socket.end('x'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', ca: authority.certificate });
  await once(socket, 'secureConnect');
  assert.equal(socket.authorized, true);
  socket.destroy();
});

test('a certificate is kept until it is due, or lacks a name', async (t) => {
  const path = join(temporaryFolder(t), 'certs');
  const authority = await LocalAuthority.open(path);
  const first = await authority.pairFor('web', names);
  const again = await (await LocalAuthority.open(path)).pairFor('web', names);
  assert.deepEqual(again, first);
  const fewer = await authority.pairFor('web', { domains: ['localhost'], addresses: ['::1'] });
  assert.equal(fewer.cert, first.cert);
  const before = await authority.pairFor('web', names, first.renewAt - 1000);
  assert.equal(before.cert, first.cert);
  const due = await authority.pairFor('web', names, first.renewAt + 1);
  assert.notEqual(due.cert, first.cert);
  assert.ok(due.renewAt > first.renewAt);
  const more = await authority.pairFor('web', { ...names, domains: ['new.test'] });
  assert.deepEqual(certificateInfo(more.cert).names.slice(0, 1), ['new.test']);
  assert.notEqual((await authority.pairFor('other', names)).cert, first.cert);
});

test('a certificate never outlives its authority, and a damaged file is replaced', async (t) => {
  const path = join(temporaryFolder(t), 'certs');
  const authority = await LocalAuthority.open(path);
  const end = new X509Certificate(authority.certificate).validToDate.getTime();
  const late = await authority.pairFor('web', names, end - 5 * DAY);
  assert.equal(certificateInfo(late.cert).validTo.getTime(), end);
  writeFileSync(join(path, fileNameFor('web')), late.cert);
  const next = await authority.pairFor('web', names);
  assert.match(next.key, /BEGIN PRIVATE KEY/);
});

test('an entry of any name has a file of its own', () => {
  for (const name of ['a/b', '..', '../../x', 'ä', 'x'.repeat(400), '\u0000']) {
    assert.match(fileNameFor(name), /^entry-[^/]{1,104}\.pem$/);
  }
});

test('the names of an entry', () => {
  const machine = { name: 'Box_1', addresses: ['10.0.0.5', 'fd00::5'] };
  const of = (host: string, publish: string | null = null, defaultDomain: string | null = null) =>
    hostNamesOf({ host, publish, defaultDomain }, machine);
  assert.deepEqual(of('0.0.0.0'), {
    domains: ['localhost'],
    addresses: ['10.0.0.5', '127.0.0.1', '::1', 'fd00::5'],
  });
  assert.deepEqual(of('192.168.3.10', '[2001:db8::1]:443', 'API.example.com'), {
    domains: ['api.example.com', 'localhost'],
    addresses: ['127.0.0.1', '192.168.3.10', '2001:db8::1', '::1'],
  });
  assert.deepEqual(of('fe80::1%eth0', 'gate.example.com:8000').domains, [
    'gate.example.com',
    'localhost',
  ]);
  assert.ok(of('fe80::1%eth0').addresses.includes('fe80::1'));
  assert.deepEqual(
    hostNamesOf(
      { host: 'es.local', publish: null, defaultDomain: null },
      { name: 'box', addresses: [] },
    ).domains,
    ['es.local', 'box', 'localhost'],
  );
});

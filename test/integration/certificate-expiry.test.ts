import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { LocalAuthority } from '../../src/tls/authority.ts';
import { evergate } from '../support/program.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const DAY = 24 * 3600 * 1000;
const names = { domains: ['old.test'], addresses: ['127.0.0.1'] };

function configuration(tls: string, port = 0): string {
  return `entry:
  - { name: plain, router: r, network: { binding: '127.0.0.1:${port}' } }
  - { name: web, router: r, network: { binding: '127.0.0.1:0' }, tls: ${tls} }
api: { enabled: true, network: { binding: '127.0.0.1:0' } }
router:
  - { name: r, default_flow: f }
flow:
  - { name: f, filter: [{ set_response: { body: hello } }] }
`;
}

/** On a connection of its own. */
async function answer(gateway: TestGateway): Promise<string> {
  const headers = { Connection: 'close' };
  return (await fetch(await gateway.origin('plain'), { headers })).text();
}

async function shown(port: number): Promise<PeerCertificate> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerCertificate();
  socket.destroy();
  return certificate;
}

test('an expired certificate is a warning and a metric, and keeps nothing from being served', async (t) => {
  const folder = temporaryFolder(t);
  const authority = await LocalAuthority.open(join(folder, 'other'), Date.now() - 200 * DAY);
  const pair = await authority.pairFor('old', names, Date.now() - 200 * DAY, 90 * DAY);
  const [cert, key] = [join(folder, 'old.crt'), join(folder, 'old.key')];
  writeFileSync(cert, pair.cert);
  writeFileSync(key, pair.key);
  const tls = `{ enabled: true, cert_file: ${cert}, key_file: ${key} }`;
  const gateway = await startGateway(t, configuration(tls), { folder });
  assert.match(gateway.output, /"level":"warn".*old\.crt: the certificate expired on/);
  assert.equal(await answer(gateway), 'hello');
  assert.equal((await shown(await gateway.port('web'))).subject.CN, 'old.test');
  const { api } = await gateway.status();
  const metrics = await (await fetch(`http://${api?.address}/metrics`)).text();
  const found =
    /^evergate_certificate_expiry_seconds\{entry="web",server_name="old\.test,127\.0\.0\.1",file="(.*)"\} (\d+)/m.exec(
      metrics,
    );
  assert.equal(found?.[1], cert);
  assert.ok(Math.abs(Number(found?.[2]) * 1000 - (Date.now() - 110 * DAY)) < DAY);
  gateway.write(configuration(tls).replace('hello', 'bye'));
  assert.equal((await gateway.reload()).status, 200);
  assert.equal(await answer(gateway), 'bye');
  const { stdout } = await evergate(['cert', '-c', gateway.file]);
  assert.match(stdout, /\(expired\)/);
});

test('an authority that cannot be used keeps nothing else from being served', async (t) => {
  const folder = temporaryFolder(t);
  const certs = join(folder, 'data', 'certs');
  mkdirSync(certs, { recursive: true });
  writeFileSync(join(certs, 'ca.crt'), 'no certificate');
  writeFileSync(join(certs, 'ca.key'), 'no key');
  const gateway = await startGateway(t, configuration('{ enabled: true }'), { folder });
  assert.match(gateway.output, /entry web: cannot create a certificate in .*no client trusts/);
  assert.equal(await answer(gateway), 'hello');
  const first = await shown(await gateway.port('web'));
  gateway.write(configuration('{ enabled: true }').replace('hello', 'bye'));
  assert.equal((await gateway.reload()).status, 200);
  assert.equal((await shown(await gateway.port('web'))).fingerprint256, first.fingerprint256);
  assert.equal(readFileSync(join(certs, 'ca.crt'), 'utf8'), 'no certificate');
});

test('what was made while the clock was ahead is made anew', async (t) => {
  const folder = temporaryFolder(t);
  const certs = join(folder, 'data', 'certs');
  const ahead = Date.now() + 500 * DAY;
  const authority = await LocalAuthority.open(certs, ahead);
  await authority.pairFor('web', names, ahead);
  const file = join(folder, 'evergate.yml');
  writeFileSync(
    file,
    `path.data: ${join(folder, 'data')}\n${configuration('{ enabled: true }', 1)}`,
  );
  const { stdout } = await evergate(['cert', '-c', file]);
  assert.match(stdout, /\(not yet valid\)/);
  const gateway = await startGateway(t, configuration('{ enabled: true }'), { folder });
  assert.match(gateway.output, /ca\.crt is not valid before .*renewed/);
  const port = await gateway.port('web');
  const ca = readFileSync(join(certs, 'ca.crt'), 'utf8');
  const socket = connect({ port, host: '127.0.0.1', ca });
  await once(socket, 'secureConnect');
  assert.equal(socket.authorized, true);
  socket.destroy();
});

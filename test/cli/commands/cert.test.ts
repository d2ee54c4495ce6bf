import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LocalAuthority } from '../../../src/tls/authority.ts';
import { selfSigned } from '../../support/certificates.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { evergate } from '../../support/program.ts';

test('cert shows every certificate, and the authority to trust', async (t) => {
  const cwd = temporaryFolder(t);
  selfSigned(cwd, 'given.test');
  const write = (entries: string): void =>
    writeFileSync(
      join(cwd, 'evergate.yml'),
      `path.data: data\n${entries}\nrouter: [{ name: default }]\n`,
    );
  write(`entry:
  - { name: own, network.port: 1, tls: { enabled: true } }
  - { name: given, network.port: 2, tls: { enabled: true, cert_file: given.test.crt, key_file: given.test.key } }
  - { name: plain, network.port: 3 }`);
  const before = await evergate(['cert'], { cwd });
  assert.equal(before.code, 0, before.stderr);
  assert.match(before.stdout, /entry own: generated when the gateway starts/);
  assert.match(before.stdout, /authority to trust: .*ca\.crt, generated when the gateway starts/);
  const authority = await LocalAuthority.open(join(cwd, 'data', 'certs'));
  await authority.pairFor('own', { domains: ['own.test'], addresses: ['::1'] });
  const { stdout } = await evergate(['cert'], { cwd });
  assert.match(
    stdout,
    /entry own, generated: .*\n {2}subject {6}CN=own\.test\n {2}issuer {7}CN=Evergate CA/,
  );
  assert.match(stdout, /names {8}own\.test, 0:0:0:0:0:0:0:1/);
  assert.match(stdout, /\(\d\d days left\)/);
  assert.match(stdout, /entry given: .*given\.test\.crt\n {2}subject {6}CN=given\.test/);
  assert.match(stdout, /authority to trust: .*data\/certs\/ca\.crt\n {2}subject {6}CN=Evergate CA/);
  assert.match(stdout, /fingerprint {2}(?:[0-9A-F]{2}:){31}[0-9A-F]{2}/);
  assert.doesNotMatch(stdout, /plain|PRIVATE/);
  write('entry: [{ name: plain, network.port: 3 }]');
  assert.match((await evergate(['cert'], { cwd })).stdout, /^no entry has TLS enabled$/m);
});

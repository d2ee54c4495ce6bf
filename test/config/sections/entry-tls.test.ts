import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type LoadedConfiguration, loadConfiguration } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/config/problem.ts';
import { openssl, selfSigned } from '../../support/certificates.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const rest = 'router: [{ name: default }]\n';

/** Loads a configuration whose one entry has this `tls`. */
function load(path: string, tls: string): Promise<LoadedConfiguration> {
  const file = join(path, 'evergate.yml');
  writeFileSync(file, `entry: [{ name: web, tls: ${tls} }]\n${rest}`);
  return loadConfiguration({ paths: [file], filters: [] });
}

async function errorsOf(loading: Promise<unknown>): Promise<string[]> {
  const error: unknown = await loading.then(
    () => assert.fail('the configuration was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ConfigError);
  return error.problems.map((problem) => `${problem.path}: ${problem.message}`);
}

test('certificates are read with the configuration, and watched with it', async (t) => {
  const path = temporaryFolder(t);
  selfSigned(path, 'a.test');
  selfSigned(path, 'b.test');
  const loaded = await load(
    path,
    '{ enabled: true, cert_file: a.test.crt, key_file: a.test.key, ca_file: b.test.crt, certificates: [{ cert_file: b.test.crt, key_file: b.test.key }] }',
  );
  const files = loaded.tlsFiles.get('web');
  assert.match(files?.fallback?.key ?? '', /PRIVATE KEY/);
  assert.match(files?.clientAuthorities ?? '', /CERTIFICATE/);
  assert.deepEqual(
    files?.named.map((pair) => pair.domains),
    [['b.test']],
  );
  for (const name of ['a.test.crt', 'a.test.key', 'b.test.crt', 'b.test.key']) {
    assert.ok(loaded.watch.files.includes(join(path, name)), name);
  }
  assert.doesNotMatch(JSON.stringify(loaded.config), /PRIVATE KEY/);
});

test('an entry without files is left to have one generated; without TLS nothing is read', async (t) => {
  const path = temporaryFolder(t);
  const generated = await load(path, '{ enabled: true }');
  assert.equal(generated.tlsFiles.get('web')?.fallback, null);
  const off = await load(path, '{ enabled: false, cert_file: no.crt, key_file: no.key }');
  assert.equal(off.tlsFiles.size, 0);
});

test('a wrong pair is an error at its place, an expired certificate a warning', async (t) => {
  const path = temporaryFolder(t);
  selfSigned(path, 'a.test');
  selfSigned(path, 'b.test');
  openssl(path, 'req -new -key b.test.key -subj /CN=old -out old.csr');
  openssl(
    path,
    'x509 -req -in old.csr -CA a.test.crt -CAkey a.test.key -CAcreateserial -days 0 -out old.crt',
  );
  assert.match(
    String(
      await errorsOf(load(path, '{ enabled: true, cert_file: a.test.crt, key_file: b.test.key }')),
    ),
    /^entry\[0\]\.tls\.key_file: .*b\.test\.key is not the key of the certificate in .*a\.test\.crt$/,
  );
  const { warnings } = await load(
    path,
    '{ enabled: true, cert_file: old.crt, key_file: b.test.key }',
  );
  const [{ path: at, message } = assert.fail('no warning')] = warnings;
  assert.equal(at, 'entry[0].tls.cert_file');
  assert.match(message, /old\.crt: the certificate expired on \d{4}-/);
});

test('a pass-phrase is never repeated in an error', async (t) => {
  const path = temporaryFolder(t);
  selfSigned(path, 'a.test');
  openssl(path, 'pkcs8 -topk8 -in a.test.key -out locked.key -passout pass:right');
  const pair = 'enabled: true, cert_file: a.test.crt, key_file: locked.key';
  const [missing] = await errorsOf(load(path, `{ ${pair} }`));
  assert.match(missing ?? '', /^entry\[0\]\.tls\.key_file: .*expected "key_passphrase"/);
  const [wrong] = await errorsOf(load(path, `{ ${pair}, key_passphrase: wr0ng-secret }`));
  assert.match(wrong ?? '', /^entry\[0\]\.tls\.key_passphrase: the passphrase does not decrypt/);
  const [type] = await errorsOf(load(path, `{ ${pair}, key_passphrase: 918273 }`));
  for (const message of [missing, wrong, type]) assert.doesNotMatch(message ?? '', /wr0ng|918273/);
  const opened = await load(path, `{ ${pair}, key_passphrase: right }`);
  assert.match(opened.tlsFiles.get('web')?.fallback?.key ?? '', /BEGIN PRIVATE KEY/);
});

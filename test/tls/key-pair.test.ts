import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadAuthorities, loadPair, type LoadedPair } from '../../src/tls/key-pair.ts';
import type { TlsProblem } from '../../src/tls/credentials.ts';
import { issued, openssl, selfSigned } from '../support/certificates.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const DAY = 24 * 3600 * 1000;

function load(
  cert_file: string,
  key_file: string,
  key_passphrase: string | null = null,
  now = Date.now(),
): LoadedPair {
  return loadPair({ cert_file, key_file, key_passphrase }, now);
}

/** Exactly one problem: at this key, with this in its text. */
function refused(loaded: LoadedPair, key: string, message: RegExp): void {
  assert.equal(loaded.pair, null);
  assert.equal(loaded.problems.length, 1, JSON.stringify(loaded.problems));
  assert.deepEqual(loaded.problems[0]?.path, [key]);
  assert.equal(loaded.problems[0]?.warning, false);
  assert.match(loaded.problems[0]?.message ?? '', message);
}

test('a certificate and its key', (t) => {
  const made = selfSigned(temporaryFolder(t), 'a.test');
  const loaded = load(made.cert, made.key);
  assert.deepEqual(loaded.problems, []);
  assert.deepEqual(loaded.names, ['a.test']);
  assert.match(loaded.pair?.cert ?? '', /BEGIN CERTIFICATE/);
  assert.match(loaded.pair?.key ?? '', /BEGIN PRIVATE KEY/);
});

test('a key of another certificate', (t) => {
  const path = temporaryFolder(t);
  const [a, b] = [selfSigned(path, 'a.test'), selfSigned(path, 'b.test')];
  refused(load(a.cert, b.key), 'key_file', /b\.test\.key is not the key of .*a\.test\.crt/);
});

test('an expired certificate, one not valid yet, and one that expires soon', (t) => {
  const made = selfSigned(temporaryFolder(t), 'a.test', { days: 30 });
  const at = (days: number): LoadedPair => load(made.cert, made.key, null, Date.now() + days * DAY);
  const warning = (days: number): string => {
    const { pair, problems } = at(days);
    assert.ok(pair);
    assert.deepEqual(
      problems.map((problem) => [problem.path, problem.warning]),
      [[['cert_file'], true]],
    );
    return problems[0]?.message ?? '';
  };
  assert.match(warning(31), /expired on \d{4}-\d\d-\d\d/);
  assert.match(warning(-2), /not valid before \d{4}-\d\d-\d\d/);
  assert.match(warning(25), /expires on \d{4}-\d\d-\d\d/);
});

test('files that are not there, are folders, or may not be read', (t) => {
  const path = temporaryFolder(t);
  const made = selfSigned(path, 'a.test');
  refused(load(join(path, 'no.crt'), made.key), 'cert_file', /cannot read .*no\.crt: no such file/);
  refused(load(made.cert, join(path, 'no.key')), 'key_file', /cannot read .*no\.key: no such file/);
  mkdirSync(join(path, 'sub'));
  refused(load(join(path, 'sub'), made.key), 'cert_file', /it is a folder/);
  if (process.getuid?.() === 0) return;
  chmodSync(made.key, 0);
  refused(load(made.cert, made.key), 'key_file', /permission denied/);
});

test('files that hold something else', (t) => {
  const path = temporaryFolder(t);
  const made = selfSigned(path, 'a.test');
  const exchanged = load(made.key, made.cert);
  assert.deepEqual(
    exchanged.problems.map((problem) => problem.path[0]),
    ['cert_file', 'key_file'],
  );
  assert.match(exchanged.problems[0]?.message ?? '', /holds a private key; expected a certificate/);
  assert.match(exchanged.problems[1]?.message ?? '', /holds a certificate; expected a private key/);
  const text = join(path, 'text');
  writeFileSync(text, 'hello');
  refused(load(text, made.key), 'cert_file', /holds no certificate/);
  refused(load(made.cert, text), 'key_file', /holds no private key/);
  const broken = join(path, 'broken');
  writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  refused(load(broken, made.key), 'cert_file', /certificate 1 of 1 cannot be read/);
  writeFileSync(broken, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
  refused(load(made.cert, broken), 'key_file', /cannot be read as a private key/);
});

test('a key with a pass-phrase, in the two forms that there are', (t) => {
  const path = temporaryFolder(t);
  const made = selfSigned(path, 'a.test');
  openssl(path, `pkcs8 -topk8 -in ${made.key} -out new.key -passout pass:s3cret`);
  openssl(path, `ec -in ${made.key} -aes128 -out old.key -passout pass:s3cret`);
  for (const name of ['new.key', 'old.key']) {
    const key = join(path, name);
    refused(load(made.cert, key), 'key_file', /is encrypted; expected "key_passphrase"/);
    refused(load(made.cert, key, 'wrong'), 'key_passphrase', /does not decrypt/);
    const loaded = load(made.cert, key, 's3cret');
    assert.deepEqual(loaded.problems, []);
    assert.doesNotMatch(loaded.pair?.key ?? '', /ENCRYPTED/);
  }
});

test('a chain: in order, out of order, and with the wrong one first', (t) => {
  const path = temporaryFolder(t);
  const root = selfSigned(path, 'root.test');
  const leaf = issued(path, 'leaf.test', root, 'subjectAltName=DNS:leaf.test,IP:127.0.0.1');
  const other = selfSigned(path, 'other.test');
  const write = (name: string, ...parts: string[]): string => {
    writeFileSync(join(path, name), parts.map((part) => readFileSync(part, 'utf8')).join(''));
    return join(path, name);
  };
  const good = load(write('good', leaf.cert, root.cert), leaf.key);
  assert.deepEqual(good.problems, []);
  assert.deepEqual(good.names, ['leaf.test', '127.0.0.1']);
  assert.equal(good.pair?.cert.match(/BEGIN CERTIFICATE/g)?.length, 2);
  const strange = load(write('strange', leaf.cert, other.cert), leaf.key);
  assert.ok(strange.pair);
  assert.match(strange.problems[0]?.message ?? '', /certificate 2 did not issue certificate 1/);
  const wrong = load(write('wrong', root.cert, leaf.cert), leaf.key);
  assert.equal(wrong.pair, null);
  assert.ok(
    wrong.problems.some((problem) => /own certificate must come first/.test(problem.message)),
  );
});

test('a key too small to be used', (t) => {
  const path = temporaryFolder(t);
  openssl(path, 'req -x509 -newkey rsa:512 -nodes -keyout s.key -out s.crt -subj /CN=small');
  refused(load(join(path, 's.crt'), join(path, 's.key')), 'cert_file', /cannot be used/);
});

test('authorities for client certificates', (t) => {
  const path = temporaryFolder(t);
  const made = selfSigned(path, 'ca.test', { days: 30 });
  const problems: TlsProblem[] = [];
  assert.match(loadAuthorities(made.cert, Date.now(), problems) ?? '', /BEGIN CERTIFICATE/);
  assert.equal(problems.length, 0);
  assert.ok(loadAuthorities(made.cert, Date.now() + 40 * DAY, problems));
  assert.deepEqual(
    problems.map((problem) => problem.warning),
    [true],
  );
  assert.equal(loadAuthorities(join(path, 'no'), Date.now(), problems), null);
  assert.match(problems[1]?.message ?? '', /no such file/);
});

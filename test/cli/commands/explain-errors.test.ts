/** `evergate explain errors` documents every error that a client can receive, and there is no other. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isClientError, statusOf, type ErrorCode } from '../../../src/errors.ts';
import { evergate } from '../../support/program.ts';

const source = fileURLToPath(new URL('../../../src/', import.meta.url));
const catalogue = readFileSync(join(source, 'errors.ts'), 'utf8');
const codes = [...catalogue.matchAll(/^ {2}([A-Z_]+): \{/gm)].map(([, code]) => code as ErrorCode);

test('the page has every code with a status, and no other', async () => {
  const { stdout, code } = await evergate(['explain', 'errors']);
  assert.equal(code, 0);
  const explained = [...stdout.matchAll(/^([A-Z_]+)\n {2}\S.*\n\n {2}status: {2}(\d+)$/gm)];
  const expected = codes.filter((each) => isClientError(each));
  assert.ok(expected.length > 20, expected.join());
  assert.deepEqual(
    explained.map(([, name, status]) => `${name} ${status}`).toSorted(),
    expected.map((each) => `${each} ${statusOf(each)}`).toSorted(),
  );
});

test('one code is explained by its name', async () => {
  const { stdout, code } = await evergate(['explain', 'UPSTREAM_CONNECT']);
  assert.equal(code, 0);
  assert.match(stdout, /^UPSTREAM_CONNECT\n {2}The gateway cannot connect to the node\.\n/);
  assert.match(stdout, /^ {2}status: {2}502\n {2}cause: .*\n {2}remedy: /m);
});

test('every code of the catalogue is used', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/(?:^|\/)(?:explain-)?errors\.ts$/.test(file))
    .map((file) => readFileSync(join(source, file), 'utf8'));
  assert.deepEqual(
    codes.filter((code) => !files.some((text) => text.includes(`'${code}'`))),
    [],
  );
});

/** What the test command says of tests, in its summary and by its exit code. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../support/temporary-folder.ts';

const script = fileURLToPath(new URL('../../scripts/test.ts', import.meta.url));

test('what fails, wherever it stands, fails the whole; and so does nothing at all', (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'alone'));
  const write = (name: string, body: string): void =>
    writeFileSync(
      join(folder, name),
      `import { test } from 'node:test'; test('one', () => { ${body} }); test('two', () => {});`,
    );
  const run = (): { status: number | null; output: string } => {
    // Else it would take itself for a part of the tests that run now.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, folder], {
      env,
      encoding: 'utf8',
      timeout: 120_000,
    });
    return { status, output: stdout + stderr };
  };
  const nothing = run();
  assert.notEqual(nothing.status, 0);
  assert.match(nothing.output, /there are no tests in /);

  write('a.test.mjs', '');
  assert.match(run().output, /there are no tests in /);
  write('a.test.ts', '');
  write('alone/b.test.ts', '');
  const good = run();
  assert.equal(good.status, 0, good.output);
  assert.match(good.output, /tests 4\n[^]*pass 4\n[^]*fail 0\n/);

  for (const file of ['a.test.ts', 'alone/b.test.ts']) {
    write(file, 'throw new Error("no")');
    const bad = run();
    assert.equal(bad.status, 1, bad.output);
    assert.match(bad.output, /tests 4\n[^]*pass 3\n[^]*fail 1\n/);
    write(file, '');
  }
});

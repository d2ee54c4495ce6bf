/** The short form of the fuzzer. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

test('mutated requests do no harm', () => {
  const program = fileURLToPath(new URL('../../scripts/fuzz/main.ts', import.meta.url));
  const run = spawnSync(process.execPath, [program, '6', '4711'], {
    encoding: 'utf8',
    timeout: 280_000,
  });
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /: [1-9]\d* connections, 0 faults/);
});

/** The conformance suite for HTTP/2, where it is installed. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

const program = process.env['H2SPEC'] ?? 'h2spec';
const isMissing = spawnSync(program, ['--version']).error !== undefined;

test('h2spec finds nothing', { skip: isMissing && 'h2spec is not installed' }, async () => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['scripts/h2spec.ts', '--strict'], {
    timeout: 120_000,
  });
  assert.match(stdout, /\b(\d+) tests, \1 passed, 0 skipped, 0 failed/);
});

/**
 * Runs the tests: all of them, or the files and folders named on the command line. Files run side by
 * side (their gateways listen on port 0); each has a time limit, so that nothing can hang.
 */
import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';

const named = process.argv.slice(2);
const files = (named.length > 0 ? named : ['test']).flatMap((path) =>
  statSync(path).isDirectory() ? globSync(`${path}/**/*.test.ts`) : [path],
);
const run = spawnSync(
  process.execPath,
  ['--test', '--test-concurrency=3', '--test-timeout=120000', ...files.sort()],
  { stdio: 'inherit' },
);
process.exitCode = run.status ?? 1;

/**
 * Runs the tests: all of them, or the files and folders named on the command line. Files run side by
 * side (their gateways listen on port 0); each has a time limit, so that nothing can hang. What Node.js
 * makes of the sources is kept: tests start hundreds of processes, and without it most of their time
 * would go into stripping types.
 */
import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const named = process.argv.slice(2);
const files = (named.length > 0 ? named : ['test']).flatMap((path) =>
  statSync(path).isDirectory() ? globSync(`${path}/**/*.test.ts`) : [path],
);
const run = spawnSync(
  process.execPath,
  ['--test', '--test-concurrency=3', '--test-timeout=120000', ...files.sort()],
  {
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_COMPILE_CACHE: fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)),
    },
  },
);
process.exitCode = run.status ?? 1;

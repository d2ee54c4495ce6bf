/** Builds `dist/` from `src/`, from scratch, so that a removed source leaves nothing behind. */
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
const tsc = spawnSync(`${root}node_modules/.bin/tsc`, ['-p', 'src'], {
  cwd: root,
  stdio: 'inherit',
});
if (tsc.status === 0) chmodSync(`${root}dist/cli.js`, 0o755);
process.exitCode = tsc.status ?? 1;

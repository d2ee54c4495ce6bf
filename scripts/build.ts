/**
 * Builds `dist/` from `src/`, or the same folder within another one that is named: the program and the
 * types of its public API.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildProgram } from './build/program.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = resolve(process.argv[2] ?? root, 'dist');
await buildProgram(dist);

const tsc = `${root}node_modules/.bin/tsc`;
const declared = spawnSync(tsc, ['-p', 'src', '--outDir', dist], { cwd: root, stdio: 'inherit' });
process.exitCode = declared.status ?? 1;

/**
 * Builds `dist/` from `src/`, from scratch, so that a removed source leaves nothing behind; in another
 * folder where one is named. Modules are joined to a few files: each process of a gateway then starts
 * in two thirds of the time, and takes 10 MB less. Packages stay outside.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = resolve(process.argv[2] ?? root, 'dist');
rmSync(dist, { recursive: true, force: true });

/** Programs, the public API, and what is started by its name: see package.ts. */
const entries = ['cli', 'index', 'primary/sockets/listen-child', 'filters/access/password-thread'];
await build({
  input: Object.fromEntries(entries.map((name) => [name, `${root}src/${name}.ts`])),
  platform: 'node',
  external: /^[^./]/,
  tsconfig: false,
  output: { dir: dist, chunkFileNames: '[name].js', sourcemap: true },
});
chmodSync(`${dist}/cli.js`, 0o755);

const tsc = `${root}node_modules/.bin/tsc`;
const declared = spawnSync(tsc, ['-p', 'src', '--outDir', dist], { cwd: root, stdio: 'inherit' });
process.exitCode = declared.status ?? 1;

import { chmodSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const source = fileURLToPath(new URL('../../src/', import.meta.url));

/** Programs, the public API, and what is started by its name: see package.ts. */
const entries = [
  'cli',
  'index',
  'primary/sockets/listen-child',
  'filters/access/password-thread',
  'filters/changing/replacement-thread',
];

/**
 * Builds the program into a folder, from scratch, so that a removed source leaves nothing there.
 * Modules are joined to a few files: each process of a gateway then starts in two thirds of the time,
 * and takes 10 MB less. Packages stay outside: they are found from the folder's place.
 */
export async function buildProgram(dist: string): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  await build({
    input: Object.fromEntries(entries.map((name) => [name, `${source}${name}.ts`])),
    platform: 'node',
    external: /^[^./]/,
    tsconfig: false,
    logLevel: 'warn',
    output: { dir: dist, chunkFileNames: '[name].js', sourcemap: true },
  });
  chmodSync(`${dist}/cli.js`, 0o755);
}

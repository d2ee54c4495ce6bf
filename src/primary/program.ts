import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path of a program of ours: `cli` is `src/cli.ts`, or `dist/cli.js` once built. */
export function program(name: string): string {
  return fileURLToPath(new URL(`../${name}${extname(import.meta.url)}`, import.meta.url));
}

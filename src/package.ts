import { readFileSync } from 'node:fs';
import { extname } from 'node:path';

const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');

/** The program's version, as its package.json says. */
export const version = (JSON.parse(manifest) as { version: string }).version;

/**
 * A file of ours that others are told of by its place: `cli` is `src/cli.ts`, or `dist/cli.js` once
 * built. The build joins modules to few files, all of them directly in `dist`; so this module lies
 * directly in `src`, as does whatever else asks where it is itself.
 */
export function ownFile(name: string): URL {
  return new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);
}

import { extname } from 'node:path';

/**
 * A file of ours that others are told of by its place: `cli` is `src/cli.ts`, or `dist/cli.js` once
 * built. The build joins modules to few files, all of them directly in `dist`; so this module lies
 * directly in `src`, as does whatever else asks where it is itself.
 */
export function ownFile(name: string): URL {
  return new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);
}

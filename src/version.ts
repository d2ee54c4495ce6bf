import { readFileSync } from 'node:fs';

const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');

/** The program's version, as its package.json says. */
export const version = (JSON.parse(manifest) as { version: string }).version;

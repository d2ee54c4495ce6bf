import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { successorOptions } from '../workers/node-options.ts';

/** A program with its arguments. */
export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
}

/** The path as given at the start: a symbolic link in it may have been switched since. */
const script = process.argv[1] ?? '';
const root = rootOf(script);

/**
 * The program that is installed now at the path of this one, with the same arguments. A Node.js that is
 * part of the program is replaced with it.
 * @throws the reason why there is none
 */
export function installedProgram(): Invocation {
  const installed = rootOf(script);
  if (!installed) throw new Error(`there is no program at ${script} any more`);
  const args = [...successorOptions(), script, ...process.argv.slice(2)];
  const candidates = [process.execPath];
  if (root && process.execPath.startsWith(root + sep)) {
    candidates.unshift(join(installed, relative(root, process.execPath)));
  }
  const command = candidates.find((path) => existsSync(path));
  if (!command) throw new Error(`there is no Node.js at ${candidates.join(' or ')} any more`);
  return { command, args };
}

/** Folder of the program that a script belongs to, above `dist`; null when it does not exist. */
function rootOf(path: string): string | null {
  try {
    return dirname(dirname(realpathSync(path)));
  } catch {
    return null;
  }
}

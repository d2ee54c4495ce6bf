import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { successorOptions } from '../workers/node-options.ts';

/** How a program is started. */
export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
}

/** As it was named at the start: a symbolic link that has been switched since leads elsewhere. */
const script = process.argv[1] ?? '';
const root = rootOf(script);

/**
 * The program that is installed now where this one was started from, with the same arguments. A Node
 * that comes with the program is replaced with it.
 * @throws why there is none
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

/** Folder of the program a script belongs to: the one above `dist`; null when it is not there. */
function rootOf(path: string): string | null {
  try {
    return dirname(dirname(realpathSync(path)));
  } catch {
    return null;
  }
}

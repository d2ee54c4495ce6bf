import { mkdirSync, statSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** When everything that a start needs has been loaded, ms. */
const loaded = 5_000;

/**
 * Keeps compiled code from one start to the next, and from one worker to the others, in the user's
 * own cache folder: a folder for everybody, as below /tmp, could be prepared by somebody else.
 * Where it cannot be written, or others can write it, starting takes a little longer.
 * NODE_COMPILE_CACHE sets another folder.
 */
export function keepCompiledCode(): void {
  if (process.env['NODE_COMPILE_CACHE'] !== undefined) return;
  const caches = process.env['XDG_CACHE_HOME'] || join(home(), '.cache');
  const folder = join(caches, 'evergate');
  // Not left to Node.js, which tries for ever where a folder is there and takes no other (as /proc).
  for (const each of [caches, folder]) makeFolder(each);
  if (!isOurs(folder)) return;
  enableCompileCache(folder);
  // Else it is written when the process ends, which a worker may not do for a long time.
  setTimeout(flushCompileCache, loaded).unref();
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch {
    // It is there already, or cannot be.
  }
}

/** A user that the system does not know, as in some containers, has none. */
function home(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}

/** Whether it is there, and only this user can have put code into it: `sudo` may keep another's home. */
function isOurs(folder: string): boolean {
  try {
    const { uid, mode } = statSync(folder);
    return uid === process.getuid?.() && (mode & 0o022) === 0;
  } catch {
    return false;
  }
}

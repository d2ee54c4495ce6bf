import { basename, dirname, join } from 'node:path';

/** The control socket of a gateway with this `path.data`. */
export function controlSocketPath(data: string): string {
  return join(data, 'evergate.sock');
}

/** What fits into the address of a unix socket, bytes (Linux 107, macOS 103). */
const LONGEST = 103;

/**
 * Calls `use` with a path of that socket which is short enough for the system. A long one becomes
 * its bare name while the working directory is its folder, so `use` must be synchronous.
 */
export function withShortPath<T>(path: string, use: (path: string) => T): T {
  if (Buffer.byteLength(path) <= LONGEST) return use(path);
  const before = process.cwd();
  process.chdir(dirname(path));
  try {
    return use(basename(path));
  } finally {
    process.chdir(before);
  }
}

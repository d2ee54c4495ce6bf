import { basename, dirname, join } from 'node:path';

/** The control socket of a gateway with this `path.data`. */
export function controlSocketPath(data: string): string {
  return join(data, 'evergate.sock');
}

/** Longest path in the address of a unix socket (Linux 107, macOS 103). */
const maxPathBytes = 103;

/**
 * Calls `use` with a path of the socket that is short enough for the system. A long one is replaced by
 * its name, with its folder as the working directory, so `use` must be synchronous.
 */
export function withShortPath<T>(path: string, use: (path: string) => T): T {
  if (Buffer.byteLength(path) <= maxPathBytes) return use(path);
  const before = process.cwd();
  process.chdir(dirname(path));
  try {
    return use(basename(path));
  } finally {
    process.chdir(before);
  }
}

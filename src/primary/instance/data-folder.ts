import { basename, dirname, join, relative } from 'node:path';
import type { GatewayConfig } from '../../config/types.ts';

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

/** The data folders of gateways that run with one configuration; the first is `path.data` itself. */
export function instanceFolders({ path, instances = 1 }: GatewayConfig): string[] {
  const others = Array.from({ length: instances - 1 }, (_, i) =>
    join(path.data, 'nodes', `${i + 1}`),
  );
  return [path.data, ...others];
}

/** Whether it is such a folder, and not that of the first gateway. */
export function isFurtherInstance(folder: string, data: string): boolean {
  return /^nodes\/\d+$/.test(relative(data, folder));
}

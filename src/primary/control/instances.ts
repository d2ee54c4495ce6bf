import { join, relative } from 'node:path';
import type { GatewayConfig } from '../../config/types.ts';

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

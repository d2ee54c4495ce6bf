import { join, relative } from 'node:path';
import type { GatewayConfig } from '../../config/types.ts';

/** Where gateways that run with one configuration keep their files, the first in `path.data` itself. */
export function instanceFolders({ path, instances = 1 }: GatewayConfig): string[] {
  const others = Array.from({ length: instances - 1 }, (_, i) =>
    join(path.data, 'nodes', `${i + 1}`),
  );
  return [path.data, ...others];
}

/** Whether it is one of these for a gateway beside the first. */
export function isFurtherInstance(folder: string, data: string): boolean {
  return /^nodes\/\d+$/.test(relative(data, folder));
}

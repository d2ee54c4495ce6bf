import type { GatewayConfig } from '../config/types.ts';
import { GatewayError } from '../errors.ts';
import { descriptors } from '../runtime/processes/descriptors.ts';

/** A process has so many open for itself: files, pipes, listening sockets. */
const ownDescriptors = 64;

/** @throws TOO_FEW_DESCRIPTORS where not even an idle gateway could run */
export function requireDescriptors(): void {
  const { limit } = descriptors;
  if (limit >= ownDescriptors) return;
  throw new GatewayError('TOO_FEW_DESCRIPTORS', { limit, needed: ownDescriptors });
}

/** Warns when the configuration allows for more connections than a worker may have descriptors. */
export function descriptorWarnings({ entry }: GatewayConfig, workers: number): string[] {
  const clients = entry.reduce((sum, { max_concurrency: most }) => sum + most, 0);
  const needed = 2 * Math.ceil(clients / workers) + ownDescriptors;
  const { limit } = descriptors;
  if (limit >= needed) return [];
  return [
    `RLIMIT_NOFILE is ${limit} file descriptors, and a worker may need ${needed}: max_concurrency allows for ${clients} clients over ${workers} workers, each with a connection to a node; raise the limit (ulimit -n, LimitNOFILE) or lower max_concurrency`,
  ];
}

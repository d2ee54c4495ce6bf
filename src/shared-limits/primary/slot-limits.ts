import type { GatewayConfig } from '../../config/types.ts';
import { clusterPermitName } from '../lease-key.ts';

/** How many connections there may be under a name of permits; 0 for any number. */
export interface PermitLimits {
  readonly name: string;
  /** In all. */
  readonly max_concurrency?: number;
  /** Of each part: each client address at an entry, each node of a cluster. */
  readonly max_each?: number;
}

/** All limits on connections that hold over all workers. */
export function permitLimits({ entry, elasticsearch }: GatewayConfig): PermitLimits[] {
  return [
    ...entry.map(({ name, max_concurrency, max_conns_per_ip }) => ({
      name,
      max_concurrency,
      max_each: max_conns_per_ip,
    })),
    ...elasticsearch.map(({ name, traffic_control }) => ({
      name: clusterPermitName(name),
      max_each: traffic_control?.max_connection_per_node ?? 0,
    })),
  ];
}

import type { GatewayConfig } from '../../config/types.ts';
import { leaseKey } from '../lease-key.ts';

/** How many slots there are for a key, or for each key of a scope; 0 for any number. */
export interface SlotLimit {
  readonly scope: string;
  readonly max: number;
}

/** All limits on connections that hold over all workers. */
export function slotLimits({ entry, elasticsearch }: GatewayConfig): SlotLimit[] {
  return [
    ...entry.flatMap(({ name, max_concurrency, max_conns_per_ip }) => [
      { scope: leaseKey('entry', name), max: max_concurrency },
      { scope: leaseKey('address', name), max: max_conns_per_ip },
    ]),
    ...elasticsearch.map(({ name, traffic_control }) => ({
      scope: leaseKey('node', name),
      max: traffic_control?.max_connection_per_node ?? 0,
    })),
  ];
}

import { totalmem } from 'node:os';
import type { GatewayConfig } from '../config/types.ts';
import { InflightBytes } from '../http/body/memory-budget.ts';
import { processors } from '../runtime/processors.ts';

/**
 * What a worker may hold in memory for its clients: as much as its most generous entry may, but never
 * more than half of its part of the machine's memory, or of what its control group allows.
 */
export function memoryForClients({ entry, workers }: GatewayConfig): InflightBytes {
  const processes = workers === 'auto' ? processors() : workers;
  const constrained = process.constrainedMemory();
  const all = constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
  const limits = entry.map((each) => each.max_inflight_request_size || Infinity);
  return new InflightBytes(Math.min(Math.max(...limits), Math.floor(all / 2 / processes)));
}

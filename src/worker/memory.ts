import type { GatewayConfig } from '../config/types.ts';
import { InflightBytes } from '../http/body/memory-budget.ts';
import { memoryLimitBytes } from '../runtime/processes/memory-limit.ts';
import { processors } from '../runtime/processes/processors.ts';

/** Memory of a process that holds nothing for clients, of each worker and of the primary. */
const processBytes = 80 << 20;

/**
 * Memory budget of a worker for its clients: that of its most generous entry, but never more than
 * half of its part of the memory that the machine has, or its control group allows, beyond what
 * the processes need for themselves.
 */
export function memoryForClients({ entry, workers }: GatewayConfig): InflightBytes {
  const processes = workers === 'auto' ? processors() : workers;
  const limits = entry.map((each) => each.max_inflight_request_size || Infinity);
  const all = memoryLimitBytes();
  const free = Math.max(all - (processes + 1) * processBytes, all / 8);
  return new InflightBytes(Math.min(Math.max(...limits), Math.floor(free / 2 / processes)));
}

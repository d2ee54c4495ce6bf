import type { Balancer } from '../balancing/balancer.ts';
import type { Node } from '../nodes/node.ts';
import type { RetryBudget } from './retry-budget.ts';

/** The part of a cluster that forwarding works with; a contract, so that the two can be read apart. */
export interface ForwardTarget {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly balancer: Balancer;
  readonly budget: RetryBudget;
  /** Value of Authorization for requests that have none. */
  readonly authorization: string | null;
  readonly ejectFailing: boolean;
  /** Whether bodies of requests are compressed. */
  readonly compress: boolean;
  /** Whether nodes may speak HTTP/2, by which they can refuse a request that has been sent. */
  readonly http2: boolean;
}

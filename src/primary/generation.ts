import type { GatewayConfig } from '../config/types.ts';
import type { UsableConfiguration } from './configuration-source.ts';
import type { Credentials } from './reload/certificates.ts';
import type { ListenerPlan } from './sockets/listeners.ts';

/** A configuration that was loaded and can be used, with everything that its workers need. */
export interface Candidate extends UsableConfiguration {
  /** Worker slots. */
  readonly workers: number;
  /** With generated certificates for entries that name none. */
  readonly credentials: Credentials;
}

/** A configuration that is running, or about to: each of its workers gets exactly this. */
export interface Generation {
  /** From 1, incremented with each reload that was tried. */
  readonly number: number;
  readonly config: GatewayConfig;
  readonly credentials: Credentials;
  readonly plan: ListenerPlan;
  /** How long a worker may take to become ready. */
  readonly readyTimeoutMs: number;
}

/** Worker slots of a generation. */
export function slotsOf(generation: Generation): number {
  return generation.plan.workers;
}

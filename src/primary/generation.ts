import type { Candidate } from './candidate.ts';
import type { GatewayConfig } from '../config/types.ts';
import type { Credentials } from './reload/certificates.ts';
import type { ListenerPlan } from './sockets/listeners.ts';

/** A configuration in force, or about to be: every worker of it gets exactly this. */
export interface Generation {
  /** From 1, one more with every reload that was tried. */
  readonly number: number;
  readonly config: GatewayConfig;
  readonly credentials: Credentials;
  readonly plan: ListenerPlan;
  /** How long a worker may take to become ready, ms. */
  readonly readyTimeout: number;
}

export function toGeneration(
  { config, credentials }: Candidate,
  plan: ListenerPlan,
  number: number,
  readyTimeout = 30_000,
): Generation {
  if (!config) throw new Error('there is no configuration');
  return { number, config, credentials, plan, readyTimeout };
}

/** Worker slots of a generation. */
export function slotsOf(generation: Generation): number {
  return generation.plan.workers;
}

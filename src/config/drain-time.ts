import type { DrainConfig, GatewayConfig } from './types.ts';

/** How long connections may finish when the gateway stops, unless `drain.timeout` is set, ms. */
const defaultStopTimeoutMs = 60_000;

/**
 * Why a worker drains: another one has taken its place, or the gateway stops. The connections of one
 * that was replaced may live on.
 */
export type DrainCause = 'replaced' | 'stopping';

/** How long connections of an entry may go on at most, ms; Infinity for no limit. */
export function drainTimeMs({ timeout }: DrainConfig, cause: DrainCause): number {
  return timeout ?? (cause === 'stopping' ? defaultStopTimeoutMs : Infinity);
}

/** The longest time that any entry of the configuration gives its connections, ms. */
export function longestDrainMs({ entry }: Pick<GatewayConfig, 'entry'>, cause: DrainCause): number {
  return Math.max(0, ...entry.map(({ drain }) => drainTimeMs(drain, cause)));
}

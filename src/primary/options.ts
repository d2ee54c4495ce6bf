import type { GatewayConfig, LogLevel } from '../config/types.ts';
import type { ConfigurationSource } from './configuration-source.ts';
import type { InstanceRecord } from './instance/instance-record.ts';
import type { WorkerSpawner } from './workers/spawner.ts';
import { processors } from '../runtime/processes/processors.ts';

export interface PrimaryOptions {
  readonly source: ConfigurationSource;
  /** Instead of the configuration's. */
  readonly workers?: number | 'auto' | undefined;
  /** Written beside the control socket in `path.data`, for supervisors. */
  readonly pidFile?: string | undefined;
  /** What finds the control socket by the configuration files. */
  readonly record?: InstanceRecord | undefined;
  /** Instead of the configuration's. */
  readonly logLevel?: LogLevel | undefined;
  /** Starts workers, some perhaps ahead. Default: none ahead, and the command line's. */
  readonly spawner?: WorkerSpawner | undefined;
  /** How long a worker may take to become ready, ms. Default 30 s. */
  readonly readyTimeoutMs?: number | undefined;
}

export function workersOf(config: GatewayConfig, { workers }: PrimaryOptions): number {
  const wanted = workers ?? config.workers;
  return wanted === 'auto' ? processors() : wanted;
}

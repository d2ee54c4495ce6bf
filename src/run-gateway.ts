import type { LogLevel } from './config/types.ts';

export interface RunOptions {
  /** Configuration files and folders, in the order in which they count. */
  readonly config: string | readonly string[];
  /** Instead of the configuration's. */
  readonly workers?: number | 'auto' | undefined;
  /** File for the id of this process. */
  readonly pidFile?: string | undefined;
  /** Instead of the configuration's. */
  readonly logLevel?: LogLevel | undefined;
  /** Goes on without what the configuration asks for and is not supported, with a warning. */
  readonly ignoreUnsupported?: boolean | undefined;
}

/**
 * Runs a gateway with this process as its primary, as `evergate run` does: it listens to signals and
 * has a control socket. Settles when the gateway has ended.
 * @throws what kept it from starting: a GatewayError with its code, such as CONFIG_INVALID,
 *   ALREADY_RUNNING, BIND_FAILED
 */
export async function runGateway({ config, ...options }: RunOptions): Promise<void> {
  // Filters import this package, too: they need none of that.
  const { run } = await import('./cli/commands/run.ts');
  await run({ paths: [config].flat(), ...options });
}

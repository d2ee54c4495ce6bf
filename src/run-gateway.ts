import type { LogLevel } from './config/types.ts';

/** Options of `runGateway`; they correspond to options of `evergate run`. */
export interface RunOptions {
  /** Configuration files and folders, in order of precedence. */
  readonly config: string | readonly string[];
  /** Number of worker processes; replaces `workers` of the configuration. */
  readonly workers?: number | 'auto' | undefined;
  /** File for the process id. */
  readonly pidFile?: string | undefined;
  /** Replaces `log.level` of the configuration. */
  readonly logLevel?: LogLevel | undefined;
  /** Ignores unsupported sections and filters, with a warning. Default: false. */
  readonly ignoreUnsupported?: boolean | undefined;
}

/**
 * Runs a gateway with this process as its primary, like `evergate run`: it handles signals and opens a
 * control socket. Settles when the gateway has ended.
 * @throws GatewayError if the gateway cannot start, with a code such as CONFIG_INVALID, ALREADY_RUNNING
 *   or BIND_FAILED
 */
export async function runGateway({ config, ...options }: RunOptions): Promise<void> {
  // Plugins import this package, too, and need only `defineFilter`.
  const { run } = await import('./cli/commands/run.ts');
  await run({ paths: [config].flat(), ...options });
}

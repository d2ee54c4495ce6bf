import { existsSync } from 'node:fs';
import { GatewayError } from '../errors.ts';

export const defaultConfigFile = 'evergate.yml';

/**
 * The configuration files that the user named, or the one in the working directory.
 * @throws USAGE when there is neither
 */
export function configPaths(named: readonly string[] | undefined): readonly string[] {
  if (named && named.length > 0) return named;
  if (existsSync(defaultConfigFile)) return [defaultConfigFile];
  const reason = `there is no ${defaultConfigFile} in this folder; name the configuration with -c FILE`;
  throw new GatewayError('USAGE', { reason });
}

/** Control socket of the gateway that runs with this configuration, valid or not. */
export async function controlSocket(options: {
  readonly socket?: string;
  readonly config?: readonly string[];
}): Promise<string> {
  if (options.socket !== undefined) return options.socket;
  const [{ locateDataFolder }, { controlSocketPath }] = await Promise.all([
    import('../config/load.ts'),
    import('../primary/control/socket-path.ts'),
  ]);
  const data = await locateDataFolder({ paths: configPaths(options.config) });
  return controlSocketPath(data);
}

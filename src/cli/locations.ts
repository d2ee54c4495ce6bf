import { existsSync } from 'node:fs';
import { GatewayError } from '../errors.ts';

/** Default locations of the configuration. */
const usualFiles = ['evergate.yml', '/etc/evergate/evergate.yml'];

/**
 * The configuration files of the command line or of the environment, or the first default location
 * that exists.
 * @throws USAGE if there is none
 */
export function configPaths(named: readonly string[] | undefined): readonly string[] {
  if (named && named.length > 0) return named;
  const { EVERGATE_CONFIG: ofEnvironment } = process.env;
  if (ofEnvironment) return [ofEnvironment];
  const usual = usualFiles.find((file) => existsSync(file));
  if (usual !== undefined) return [usual];
  const reason =
    'there is no evergate.yml in this folder; name the configuration with -c FILE or in EVERGATE_CONFIG, or create /etc/evergate/evergate.yml';
  throw new GatewayError('USAGE', { reason });
}

/** Control socket of the gateway that runs with this configuration, valid or not. */
export async function controlSocket(options: {
  readonly socket?: string;
  readonly config?: readonly string[];
}): Promise<string> {
  if (options.socket !== undefined) return options.socket;
  const paths = configPaths(options.config);
  const { recordedSocket } = await import('../primary/instance/instance-record.ts');
  const recorded = recordedSocket(paths);
  if (recorded !== undefined) return recorded;
  const [{ locateDataFolder }, { controlSocketPath }] = await Promise.all([
    import('../config/load.ts'),
    import('../primary/instance/data-folder.ts'),
  ]);
  return controlSocketPath(await locateDataFolder({ paths }));
}

import type { GatewayConfig } from '../config/types.ts';
import { completeCredentials, type Credentials, noCredentials } from './reload/certificates.ts';
import type { LoadedConfiguration } from './configuration-source.ts';
import { descriptorWarnings } from './descriptor-need.ts';
import { type PrimaryOptions, workersOf } from './options.ts';

/** A configuration that was loaded, with everything that its workers need. */
export interface Candidate extends LoadedConfiguration {
  readonly credentials: Credentials;
}

/** Adds certificates where the configuration names none. */
export async function toCandidate(
  loaded: LoadedConfiguration,
  options: PrimaryOptions,
): Promise<Candidate> {
  const { config, tlsFiles } = loaded;
  if (!config || !tlsFiles) return { ...loaded, credentials: noCredentials };
  const { credentials, warnings } = await completeCredentials(config, tlsFiles);
  const all = [
    ...loaded.warnings,
    ...warnings,
    ...descriptorWarnings(config, workersOf(config, options)),
  ];
  return { ...loaded, credentials, warnings: all };
}

/** @throws what is wrong with it */
export function usable({ config, error, problems }: Candidate): GatewayConfig {
  if (!config) throw error ?? new Error(problems.join('\n'));
  return config;
}

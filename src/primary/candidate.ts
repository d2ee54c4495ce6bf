import { reasonOf } from '../errors.ts';
import { completeCredentials, type Credentials, noCredentials } from './reload/certificates.ts';
import type { LoadedConfiguration } from './configuration-source.ts';

/** A configuration that was loaded, with everything that its workers need. */
export interface Candidate extends LoadedConfiguration {
  readonly credentials: Credentials;
}

/** Adds certificates where the configuration names none; that this fails is a problem of it. */
export async function toCandidate(loaded: LoadedConfiguration): Promise<Candidate> {
  const { config, tlsFiles } = loaded;
  if (!config || !tlsFiles) return { ...loaded, credentials: noCredentials };
  try {
    return { ...loaded, credentials: await completeCredentials(config, tlsFiles) };
  } catch (error) {
    const problems = [reasonOf(error)];
    return { ...loaded, config: null, problems, error, credentials: noCredentials };
  }
}

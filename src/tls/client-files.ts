import type { TlsProblem } from './credentials.ts';
import { loadAuthorities, loadPair } from './key-pair.ts';

/** Files for connections on which the gateway is the client; absolute paths, or null. */
export interface ClientFiles {
  readonly ca_file: string | null;
  readonly cert_file: string | null;
  readonly key_file: string | null;
  readonly key_passphrase: string | null;
}

/** Reads the files as a worker will, and reports what is wrong with them. */
export function checkClientFiles(files: ClientFiles): TlsProblem[] {
  const { ca_file, cert_file, key_file, key_passphrase } = files;
  const problems: TlsProblem[] = [];
  if (ca_file !== null) loadAuthorities(ca_file, Date.now(), problems);
  if (cert_file !== null && key_file !== null) {
    problems.push(...loadPair({ cert_file, key_file, key_passphrase }, Date.now()).problems);
  }
  return problems;
}

import type { TlsProblem } from '../../tls/credentials.ts';
import { loadAuthorities, loadPair } from '../../tls/key-pair.ts';
import type { Path } from '../problem.ts';
import type { Scope } from '../validation/scope.ts';
import { keyPlaceAt, placeAt } from '../source/tree.ts';
import type { UpstreamTlsConfig } from '../types.ts';

/** A cluster's `tls` as its schema leaves it. */
export type RawUpstreamTls = { readonly [Key in keyof UpstreamTlsConfig]?: string };

/** Makes paths absolute, and reports what is wrong with the files, as workers will read them. */
export function normaliseUpstreamTls(
  raw: RawUpstreamTls,
  path: Path,
  scope: Scope,
): UpstreamTlsConfig {
  const file = (key: keyof UpstreamTlsConfig): string | null => {
    const value = raw[key];
    if (typeof value !== 'string' || value === '') return null;
    return scope.absolutePath(value, placeAt(scope.root, [...path, key]));
  };
  const config = {
    ca_file: file('ca_file'),
    cert_file: file('cert_file'),
    key_file: file('key_file'),
    key_passphrase: raw.key_passphrase ?? null,
    server_name: raw.server_name ?? null,
  };
  const problems: TlsProblem[] = [];
  const { ca_file, cert_file, key_file, key_passphrase } = config;
  if (ca_file !== null) loadAuthorities(ca_file, Date.now(), problems);
  if (cert_file !== null && key_file !== null) {
    problems.push(...loadPair({ cert_file, key_file, key_passphrase }, Date.now()).problems);
  } else if (cert_file !== null || key_file !== null) {
    const [given, missing] =
      cert_file === null ? ['key_file', 'cert_file'] : ['cert_file', 'key_file'];
    const at = [...path, given];
    const message = `"${given}" is given without "${missing}"; give both`;
    scope.problems.error(keyPlaceAt(scope.root, at), at, message);
  }
  for (const problem of problems) {
    const at = [...path, ...problem.path];
    const place = placeAt(scope.root, at);
    if (problem.warning) scope.problems.warning(place, at, problem.message);
    else scope.problems.error(place, at, problem.message);
  }
  return config;
}

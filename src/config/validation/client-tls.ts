import { checkClientFiles } from '../../tls/client-files.ts';
import type { Path } from '../problem.ts';
import { keyPlaceAt, placeAt } from '../source/tree.ts';
import type { UpstreamTlsConfig } from '../types.ts';
import type { Scope } from './scope.ts';

/** Such a map as its schema leaves it, with absolute paths. */
export interface RawClientTls extends Partial<UpstreamTlsConfig> {
  readonly cert_password?: string;
}

/** Gives the pass-phrase its one name, and reports what is wrong with the files. */
export function settleClientTls(value: object, path: Path, scope: Scope): void {
  const raw = value as { -readonly [Key in keyof RawClientTls]: RawClientTls[Key] };
  if (raw.cert_password !== undefined) raw.key_passphrase ??= raw.cert_password;
  const { ca_file = null, cert_file = null, key_file = null, key_passphrase = null } = raw;
  if ((cert_file === null) !== (key_file === null)) {
    const [given, missing] =
      cert_file === null ? ['key_file', 'cert_file'] : ['cert_file', 'key_file'];
    const at = [...path, given];
    const message = `"${given}" is given without "${missing}"; give both`;
    scope.problems.error(keyPlaceAt(scope.root, at), at, message);
  }
  for (const problem of checkClientFiles({ ca_file, cert_file, key_file, key_passphrase })) {
    const at = [...path, ...problem.path];
    const place = placeAt(scope.root, at);
    if (problem.warning) scope.problems.warning(place, at, problem.message);
    else scope.problems.error(place, at, problem.message);
  }
}

/** Whether it is nobody's decision that nodes are not verified. */
export function leavesNodesUnverified({ ca_file, skip_insecure_verify }: RawClientTls): boolean {
  return ca_file === undefined && skip_insecure_verify === undefined;
}

import type { EntryFiles, TlsProblem } from '../../tls/credentials.ts';
import { isDomain } from '../../tls/host-names.ts';
import { loadAuthorities, loadPair } from '../../tls/key-pair.ts';
import { type Path, related } from '../problem.ts';
import type { Scope } from '../validation/scope.ts';
import { keyPlaceAt, nodeAt, placeAt } from '../source/tree.ts';
import type { NamedCertificateConfig, TlsConfig } from '../types.ts';

/** An entry's `tls` as its schema leaves it. */
export interface RawTls {
  readonly enabled: boolean;
  readonly cert_file?: string;
  readonly key_file?: string;
  readonly key_passphrase?: string;
  readonly cert_password?: string;
  readonly certificates: readonly Partial<NamedCertificateConfig>[];
  readonly ca_file?: string;
  readonly skip_insecure_verify: boolean;
  readonly default_domain?: string;
  readonly min_version: TlsConfig['min_version'];
  readonly ciphers?: string;
  readonly http2: boolean;
}

export function normaliseTls(raw: Partial<RawTls>, path: Path, scope: Scope): TlsConfig {
  const config: TlsConfig = {
    enabled: raw.enabled ?? false,
    cert_file: fileAt(raw.cert_file, [...path, 'cert_file'], scope),
    key_file: fileAt(raw.key_file, [...path, 'key_file'], scope),
    key_passphrase: raw.key_passphrase ?? raw.cert_password ?? null,
    certificates: listOf(raw.certificates).map((one, index) =>
      normaliseNamed(one, [...path, 'certificates', index], scope),
    ),
    ca_file: fileAt(raw.ca_file, [...path, 'ca_file'], scope),
    skip_insecure_verify: raw.skip_insecure_verify ?? false,
    default_domain: domainAt(raw.default_domain, [...path, 'default_domain'], scope),
    min_version: raw.min_version ?? 'TLSv1.2',
    ciphers: raw.ciphers ?? null,
    http2: raw.http2 ?? true,
  };
  if (config.enabled) checkBothGiven(config, path, scope);
  return config;
}

/**
 * Reads the certificates and keys that an enabled entry names, and reports what is wrong with them.
 * They are read here and nowhere else, so that what was checked is what will be used.
 */
export function readTlsFiles(config: TlsConfig, path: Path, scope: Scope): EntryFiles {
  const now = Date.now();
  const problems: TlsProblem[] = [];
  const { cert_file, key_file, key_passphrase, ca_file } = config;
  const fallback =
    cert_file !== null && key_file !== null
      ? loadPair({ cert_file, key_file, key_passphrase }, now)
      : null;
  problems.push(...(fallback?.problems ?? []));
  const named = config.certificates.map((one, index) => {
    // Reported by the schema.
    if (one.cert_file === '' || one.key_file === '') return { domains: [], pair: null };
    const loaded = loadPair(one, now);
    for (const problem of loaded.problems) {
      problems.push({ ...problem, path: ['certificates', index, ...problem.path] });
    }
    return { domains: one.domains.length > 0 ? one.domains : loaded.names, pair: loaded.pair };
  });
  const clientAuthorities = ca_file === null ? null : loadAuthorities(ca_file, now, problems);
  for (const problem of problems) {
    const at = [...path, ...problem.path];
    const place = placeAt(scope.root, at);
    if (problem.warning) scope.problems.warning(place, at, problem.message);
    else scope.problems.error(place, at, problem.message);
  }
  return {
    fallback: fallback?.pair ?? null,
    named: named.flatMap(({ domains, pair }) => (pair ? [{ domains, ...pair }] : [])),
    clientAuthorities,
  };
}

/** Absolute paths of everything that `readTlsFiles` reads. */
export function tlsFilesOf(config: TlsConfig): string[] {
  const { cert_file, key_file, ca_file, certificates } = config;
  const all = [cert_file, key_file, ca_file];
  for (const one of certificates) all.push(one.cert_file, one.key_file);
  return all.filter((path) => path !== null && path !== '') as string[];
}

function normaliseNamed(
  raw: Partial<NamedCertificateConfig> | null,
  path: Path,
  scope: Scope,
): NamedCertificateConfig {
  const domains = listOf(raw?.domains).map((domain, index) =>
    domainAt(domain, [...path, 'domains', index], scope),
  );
  return {
    domains: domains.filter((domain) => domain !== null),
    cert_file: fileAt(raw?.cert_file, [...path, 'cert_file'], scope) ?? '',
    key_file: fileAt(raw?.key_file, [...path, 'key_file'], scope) ?? '',
    key_passphrase: raw?.key_passphrase ?? null,
  };
}

function fileAt(value: unknown, path: Path, scope: Scope): string | null {
  if (typeof value !== 'string' || value === '') return null;
  return scope.absolutePath(value, placeAt(scope.root, path));
}

function domainAt(value: unknown, path: Path, scope: Scope): string | null {
  if (typeof value !== 'string' || value === '') return null;
  if (!isDomain(value)) {
    const message = `"${value}" is not a host name; expected one such as api.example.com or *.example.com`;
    scope.problems.error(placeAt(scope.root, path), path, message);
  }
  return value.toLowerCase();
}

function checkBothGiven(config: TlsConfig, path: Path, scope: Scope): void {
  if ((config.cert_file === null) === (config.key_file === null)) return;
  const given = config.cert_file === null ? 'key_file' : 'cert_file';
  const missing = given === 'key_file' ? 'cert_file' : 'key_file';
  const at = [...path, given];
  if (!nodeAt(scope.root, at)) return;
  const message = `"${given}" is given without "${missing}"; give both, or neither to have a certificate generated`;
  const enabled = keyPlaceAt(scope.root, [...path, 'enabled']);
  scope.problems.error(keyPlaceAt(scope.root, at), at, message, [
    related(enabled, 'TLS is enabled here'),
  ]);
}

function listOf<Item>(value: readonly Item[] | undefined): readonly Item[] {
  return Array.isArray(value) ? value : [];
}

/**
 * The certificates and keys of an entry and the authorities for its clients, as text in memory. The primary reads or makes it
 * once for a generation and hands it to each worker, so that all of them have the same, whatever the
 * files say by then. Holds private keys: it is never logged and never part of a status.
 */
export interface EntryCredentials {
  /** For a client that names no host, or none of those below. */
  readonly fallback: CertificatePair;
  readonly named: readonly NamedPair[];
  /** PEM; client certificates must be issued by one of these. Null: no client certificates. */
  readonly clientAuthorities: string | null;
}

/** The part of it that comes from files; without a fallback one is generated. */
export interface EntryFiles extends Omit<EntryCredentials, 'fallback'> {
  readonly fallback: CertificatePair | null;
}

export interface CertificatePair {
  /** PEM: the certificate, then its chain. */
  readonly cert: string;
  /** PEM, without a pass-phrase. */
  readonly key: string;
}

export interface NamedPair extends CertificatePair {
  /** Lower-case host names; `*.example.com` stands for one label in place of the star. */
  readonly domains: readonly string[];
}

/** An error or warning about the TLS settings of a configuration. */
export interface TlsProblem {
  /** Below the entry's `tls`: `['cert_file']`, `['certificates', 0, 'key_file']`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** True when the gateway can run nevertheless. */
  readonly warning: boolean;
}

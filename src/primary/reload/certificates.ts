import { join } from 'node:path';
import type { GatewayConfig } from '../../config/types.ts';
import { reasonOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { type GeneratedPair, LocalAuthority, temporaryPair } from '../../tls/authority.ts';
import { type CertificateStatus, certificatesOf } from '../../tls/certificate-info.ts';
import type { CertificatePair, EntryCredentials, EntryFiles } from '../../tls/credentials.ts';
import { type HostNames, hostNamesOf, thisMachine } from '../../tls/host-names.ts';
import { validityTrouble } from '../../tls/key-pair.ts';

/** The credentials of a generation's entries. */
export interface Credentials {
  /** By entry; those that serve TLS. */
  readonly entries: Readonly<Record<string, EntryCredentials>>;
  /** When the first generated certificate is due for renewal, ms since 1970; null for never. */
  readonly renewAt: number | null;
  /** A clock that shows an earlier time makes a generated certificate invalid, ms since 1970. */
  readonly validFrom: number;
  /** How long each certificate is valid. */
  readonly certificates: readonly CertificateStatus[];
}

/** For a configuration without TLS. */
export const noCredentials: Credentials = {
  entries: {},
  renewAt: null,
  validFrom: 0,
  certificates: [],
};

export interface CompletedCredentials {
  readonly credentials: Credentials;
  readonly warnings: readonly string[];
}

/** Longest sleep: the system clock may be changed meanwhile. */
const maxWaitMs = 60 * 1000;
/** Interval of warnings about certificates that expire. */
const warningIntervalMs = 24 * 3600 * 1000;
/** Delay after a renewal that failed, doubled with each further failure. */
const retryDelayMs = { first: 1000, longest: 3600 * 1000 };
/** Time until another attempt to create a certificate. */
const regenerateAfterMs = 3600 * 1000;

/**
 * The certificates of each entry: those from files, and where none is named, one from the gateway's own
 * authority, which is created when it is first needed. When that fails, everything else goes on: the
 * entry uses a certificate that no client trusts.
 */
export async function completeCredentials(
  config: GatewayConfig,
  files: ReadonlyMap<string, EntryFiles>,
): Promise<CompletedCredentials> {
  const entries: Record<string, EntryCredentials> = {};
  const certificates: CertificateStatus[] = [];
  const warnings: string[] = [];
  let renewAt: number | null = null;
  let validFrom = 0;
  for (const { name, network, tls } of config.entry) {
    const found = files.get(name);
    if (!found) continue;
    const { fallback, ...rest } = found;
    let shown: CertificatePair;
    if (fallback) shown = fallback;
    else {
      const names = hostNamesOf({ ...network, defaultDomain: tls.default_domain }, thisMachine());
      const made = await generatedPair(certificateFolder(config), name, names, warnings);
      renewAt = Math.min(renewAt ?? Infinity, made.renewAt);
      validFrom = Math.max(validFrom, made.validFrom);
      shown = { cert: made.cert, key: made.key };
    }
    entries[name] = { fallback: shown, ...rest };
    certificates.push(...certificatesOf(name, tls, entries[name]));
  }
  return { credentials: { entries, renewAt, validFrom, certificates }, warnings };
}

async function generatedPair(
  folder: string,
  entry: string,
  names: HostNames,
  warnings: string[],
): Promise<GeneratedPair> {
  try {
    const authority = await LocalAuthority.open(folder);
    const pair = await authority.pairFor(entry, names);
    warnings.push(...authority.notices);
    return pair;
  } catch (error) {
    warnings.push(
      `entry ${entry}: ${reasonOf(error)}; until that is mended it shows a certificate that no client trusts`,
    );
    const pair = await temporaryPair(entry, names);
    return { ...pair, renewAt: Date.now() + regenerateAfterMs };
  }
}

/** Where generated certificates are kept. */
export function certificateFolder(config: GatewayConfig): string {
  return join(config.path.data, 'certs');
}

type Warns = Pick<Log, 'warn'>;

/** Renews generated certificates, and warns of those that expire. */
export class CertificateClock {
  readonly #renew: () => Promise<unknown>;
  #log: Warns | null = null;
  #credentials = noCredentials;
  #timer: NodeJS.Timeout | undefined;
  #retry = retryDelayMs.first;
  /** performance.now() from which on it warns again. */
  #warnAt = 0;

  /** @param renew settles when its outcome is known */
  constructor(renew: () => Promise<unknown>) {
    this.#renew = renew;
  }

  /** Looks after these from now on. Loading has warned of current problems already. */
  set(credentials: Credentials, log: Warns): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#retry = retryDelayMs.first;
    this.#credentials = credentials;
    this.#log = log;
    this.#warnAt = performance.now() + warningIntervalMs;
    const { renewAt, certificates } = credentials;
    if (renewAt !== null || certificates.length > 0) this.#wait(renewAt ?? Infinity);
  }

  #wait(renewAt: number): void {
    const left = Math.max(renewAt - Date.now(), 0);
    this.#timer = setTimeout(() => void this.#look(renewAt), Math.min(left, maxWaitMs));
    this.#timer.unref();
  }

  async #look(renewAt: number): Promise<void> {
    this.#warnOfExpiry();
    const now = Date.now();
    if (now < renewAt && now >= this.#credentials.validFrom) {
      this.#wait(renewAt);
      return;
    }
    const own = this.#timer;
    await this.#renew();
    // A renewal that succeeded has called `set`.
    if (this.#timer !== own) return;
    this.#wait(Date.now() + this.#retry);
    this.#retry = Math.min(this.#retry * 2, retryDelayMs.longest);
  }

  #warnOfExpiry(): void {
    if (performance.now() < this.#warnAt) return;
    this.#warnAt = performance.now() + warningIntervalMs;
    for (const { entry, file, validFrom, validTo } of this.#credentials.certificates) {
      const trouble = validityTrouble(new Date(validFrom), new Date(validTo), Date.now());
      if (trouble !== null) this.#log?.warn(`entry ${entry}: the certificate ${file} ${trouble}`);
    }
  }
}

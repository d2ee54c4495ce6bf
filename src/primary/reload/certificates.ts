import { join } from 'node:path';
import type { GatewayConfig } from '../../config/types.ts';
import { LocalAuthority } from '../../tls/authority.ts';
import type { EntryCredentials, EntryFiles } from '../../tls/credentials.ts';
import { hostNamesOf, thisMachine } from '../../tls/host-names.ts';

/** The credentials of a generation's entries. */
export interface Credentials {
  /** By entry; those that serve TLS. */
  readonly entries: Readonly<Record<string, EntryCredentials>>;
  /** When the first generated certificate is due for renewal, ms since 1970; null for never. */
  readonly renewAt: number | null;
}

/** For a configuration without TLS. */
export const noCredentials: Credentials = { entries: {}, renewAt: null };

/** A timer cannot wait longer than 24 days; clocks are put forward in the meantime, too. ms */
const LONGEST_WAIT = 3600 * 1000;
/** When renewing failed, it is tried again after this, doubled with each further failure, ms. */
const RETRY = { first: 1000, longest: 3600 * 1000 };

/**
 * What each entry shows its clients: the certificates from files, and where none is named, one from
 * the gateway's own authority, which is made when it is first needed.
 * @throws CERTIFICATE_FAILED
 */
export async function completeCredentials(
  config: GatewayConfig,
  files: ReadonlyMap<string, EntryFiles>,
): Promise<Credentials> {
  const entries: Record<string, EntryCredentials> = {};
  let authority: LocalAuthority | null = null;
  let renewAt: number | null = null;
  for (const { name, network, tls } of config.entry) {
    const found = files.get(name);
    if (!found) continue;
    const { fallback, ...rest } = found;
    if (fallback) {
      entries[name] = { fallback, ...rest };
      continue;
    }
    const naming = { ...network, defaultDomain: tls.default_domain };
    // oxlint-disable no-await-in-loop -- one authority for all
    authority ??= await LocalAuthority.open(certificateFolder(config));
    const made = await authority.pairFor(name, hostNamesOf(naming, thisMachine()));
    // oxlint-enable no-await-in-loop
    renewAt = Math.min(renewAt ?? Infinity, made.renewAt);
    entries[name] = { fallback: { cert: made.cert, key: made.key }, ...rest };
  }
  return { entries, renewAt };
}

/** Where generated certificates are kept. */
export function certificateFolder(config: GatewayConfig): string {
  return join(config.path.data, 'certs');
}

/** Asks for a renewal when one is due, again and again until it has come about. */
export class RenewalClock {
  readonly #renew: () => Promise<unknown>;
  #timer: NodeJS.Timeout | undefined;
  #retry = RETRY.first;

  /** `renew` settles when it is known what has become of it. */
  constructor(renew: () => Promise<unknown>) {
    this.#renew = renew;
  }

  /** Waits for this time from now on, ms since 1970. */
  set(renewAt: number | null): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#retry = RETRY.first;
    if (renewAt !== null) this.#wait(renewAt);
  }

  #wait(renewAt: number): void {
    const left = Math.max(renewAt - Date.now(), 0);
    this.#timer = setTimeout(() => void this.#look(renewAt), Math.min(left, LONGEST_WAIT));
    this.#timer.unref();
  }

  async #look(renewAt: number): Promise<void> {
    if (Date.now() < renewAt) {
      this.#wait(renewAt);
      return;
    }
    const own = this.#timer;
    await this.#renew();
    // Once renewed, the clock has been set anew.
    if (this.#timer !== own) return;
    this.#wait(Date.now() + this.#retry);
    this.#retry = Math.min(this.#retry * 2, RETRY.longest);
  }
}

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  randomBytes,
  webcrypto,
  X509Certificate,
} from 'node:crypto';
import { SocketAddress, isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { GatewayError, reasonOf } from '../errors.ts';
import type { CertificatePair } from './credentials.ts';
import type { HostNames } from './host-names.ts';
import { namesOf } from './key-pair.ts';
import { createOnce, readIfThere, replaceFile, secureFolder } from './safe-file.ts';

/** A certificate that the authority made for an entry. */
export interface GeneratedPair extends CertificatePair {
  /** When a new one should take its place, ms since 1970. */
  readonly renewAt: number;
  /** A clock that shows an earlier time was put back since the certificate was made, ms since 1970. */
  readonly validFrom: number;
}

/** Days. Clients of a private authority accept longer ones, but renewing is free. */
const LEAF_LIFETIME = 90;
/** Days. */
const AUTHORITY_LIFETIME = 10 * 365;
const DAY = 24 * 3600 * 1000;
/** Tolerance for clocks of clients that are late, and for this machine's clock being early, ms. */
const CLOCK_SKEW = 7 * DAY;

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/**
 * The gateway's own certificate authority: made once and kept in a folder, never overwritten, so
 * that clients which trust it go on trusting. `ca.crt` is for clients, `ca.key` for nobody, and each
 * entry's certificate and key stand together in one file, so that they are replaced as one.
 *
 * On `@peculiar/x509` rather than a thinner layer over it: clients that verify strictly (Python
 * since 3.13) refuse a certificate without key identifiers, which those layers leave out.
 */
export class LocalAuthority {
  /** The file that clients have to trust. */
  readonly certificateFile: string;
  /** PEM. */
  readonly certificate: string;
  /** Worth a warning: what was done or could not be done, in words. */
  readonly notices: string[] = [];
  readonly #folder: string;
  /** PEM; null for one that cannot issue certificates. */
  readonly #key: string | null;

  private constructor(folder: string, certificate: string, key: string | null) {
    this.#folder = folder;
    this.certificateFile = join(folder, 'ca.crt');
    this.certificate = certificate;
    this.#key = key;
  }

  /**
   * Opens the authority in `folder`, making both when they are not there.
   * @throws CERTIFICATE_FAILED
   */
  static async open(folder: string, now = Date.now()): Promise<LocalAuthority> {
    const [keyFile, certificateFile] = [join(folder, 'ca.key'), join(folder, 'ca.crt')];
    try {
      await secureFolder(folder);
      const known = await readIfThere(certificateFile);
      let key = await readIfThere(keyFile);
      if (known !== null && key === null) {
        const authority = new LocalAuthority(folder, known, null);
        authority.notices.push(`${keyFile} is missing: no certificate can be issued or renewed`);
        return authority;
      }
      key ??= await createOnce(keyFile, await newKey(), 0o600);
      const certificate =
        known ?? (await createOnce(certificateFile, await selfSign(key, now), 0o644));
      checkAuthority(certificate, key);
      const outdated = outsideValidity(certificate, now);
      if (outdated === null) return new LocalAuthority(folder, certificate, key);
      // Same key, same name: what it has issued, and who trusts that key, need nothing new.
      const renewed = await selfSign(key, now, certificate);
      const authority = new LocalAuthority(folder, renewed, key);
      authority.notices.push(
        `${certificateFile} ${outdated}: it was renewed with the same key; clients that trust the file need the new one`,
      );
      await authority.#save(certificateFile, renewed, 0o644);
      return authority;
    } catch (thrown) {
      throw failed(folder, thrown);
    }
  }

  /**
   * The certificate for an entry: the one in the folder as long as it holds every name and is not
   * due for renewal at `now`, otherwise a new one. `lifetime` in ms.
   * @throws CERTIFICATE_FAILED
   */
  async pairFor(
    entry: string,
    names: HostNames,
    now = Date.now(),
    lifetime = LEAF_LIFETIME * DAY,
  ): Promise<GeneratedPair> {
    const file = join(this.#folder, fileNameFor(entry));
    try {
      const known = await readIfThere(file);
      const usable = known === null ? null : this.#usable(known, names, now);
      if (usable) return usable;
      const pair = await this.#issue(names, now, lifetime);
      await this.#save(file, pair.cert + pair.key, 0o600);
      return { ...pair, ...lifeOf(new X509Certificate(pair.cert)) };
    } catch (thrown) {
      throw failed(file, thrown);
    }
  }

  /** A certificate of an authority that nobody knows, and that goes with this process. */
  static async temporary(names: HostNames): Promise<GeneratedPair> {
    const now = Date.now();
    const key = await newKey();
    const authority = new LocalAuthority('', await selfSign(key, now), key);
    const pair = await authority.#issue(names, now, LEAF_LIFETIME * DAY);
    return { ...pair, ...lifeOf(new X509Certificate(pair.cert)) };
  }

  /** A disk that takes nothing costs the file, and not the certificate, which is shown nevertheless. */
  async #save(path: string, text: string, mode: number): Promise<void> {
    try {
      await replaceFile(path, text, mode);
    } catch (thrown) {
      this.notices.push(`cannot write ${path}: ${reasonOf(thrown)}`);
    }
  }

  #usable(text: string, names: HostNames, now: number): GeneratedPair | null {
    try {
      const [cert, key] = splitPair(text);
      const certificate = new X509Certificate(cert);
      const authority = new X509Certificate(this.certificate);
      const life = lifeOf(certificate);
      const held = new Set(namesOf(certificate).map(canonical));
      const usable =
        life.renewAt > now &&
        life.validFrom <= now &&
        [...names.domains, ...names.addresses].every((name) => held.has(canonical(name))) &&
        certificate.checkPrivateKey(createPrivateKey(key)) &&
        certificate.verify(authority.publicKey);
      return usable ? { cert, key, ...life } : null;
    } catch {
      // Half a file, or another's: a new one takes its place.
      return null;
    }
  }

  async #issue(names: HostNames, now: number, lifetime: number): Promise<CertificatePair> {
    if (this.#key === null) throw new Error('ca.key is missing');
    const x509 = await import('@peculiar/x509');
    const authority = new x509.X509Certificate(this.certificate);
    const key = await newKey();
    const publicKey = await publicKeyOf(key);
    const notAfter = Math.min(now + lifetime, authority.notAfter.getTime());
    const issued = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: [{ CN: [names.domains.find((name) => name.length <= 64) ?? 'localhost'] }],
      issuer: authority.subject,
      notBefore: new Date(now - Math.min(CLOCK_SKEW, lifetime / 10)),
      notAfter: new Date(notAfter),
      publicKey,
      signingKey: await importKey(this.#key),
      signingAlgorithm: ECDSA,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          ...names.domains.map((value) => ({ type: 'dns' as const, value })),
          ...names.addresses.map((value) => ({ type: 'ip' as const, value })),
        ]),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      ],
    });
    return { cert: `${issued.toString('pem')}\n${this.certificate}`, key };
  }
}

const temporaryPairs = new Map<string, Promise<GeneratedPair>>();

/** For an entry that can be given no other: the same one for as long as this process lives. */
export function temporaryPair(entry: string, names: HostNames): Promise<GeneratedPair> {
  const key = JSON.stringify([entry, names]);
  const known = temporaryPairs.get(key);
  if (known !== undefined) return known;
  const made = LocalAuthority.temporary(names);
  temporaryPairs.set(key, made);
  return made;
}

/** File of an entry's generated certificate; entries may have any name. */
export function fileNameFor(entry: string): string {
  const plain = encodeURIComponent(entry);
  if (plain.length <= 100) return `entry-${plain}.pem`;
  return `entry-${createHash('sha256').update(entry).digest('hex')}.pem`;
}

/** @param before the certificate that this one takes the place of */
async function selfSign(key: string, now: number, before?: string): Promise<string> {
  const x509 = await import('@peculiar/x509');
  const publicKey = await publicKeyOf(key);
  // Two authorities of one name confuse clients that trust both, so each has a mark of its own.
  const mark = randomBytes(3).toString('hex');
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name:
      before === undefined
        ? [{ CN: [`Evergate CA ${mark} ${hostname()}`.slice(0, 64)] }]
        : new x509.X509Certificate(before).subject,
    notBefore: new Date(now - CLOCK_SKEW),
    notAfter: new Date(now + AUTHORITY_LIFETIME * DAY),
    keys: { privateKey: await importKey(key), publicKey },
    signingAlgorithm: ECDSA,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${authority.toString('pem')}\n`;
}

function checkAuthority(pem: string, key: string): void {
  const certificate = new X509Certificate(pem);
  if (!certificate.ca) throw new Error('ca.crt is not the certificate of an authority');
  if (!certificate.checkPrivateKey(createPrivateKey(key))) {
    throw new Error('ca.key is not the key of ca.crt');
  }
}

/** Why it is not valid at this time, in words; null if it is. */
function outsideValidity(pem: string, now: number): string | null {
  const { validFrom, validFromDate, validTo, validToDate } = new X509Certificate(pem);
  if (validToDate.getTime() <= now) return `expired on ${validTo}`;
  return validFromDate.getTime() > now ? `is not valid before ${validFrom}` : null;
}

/** Renewed after two thirds of its life, which leaves a month to find out why renewing fails. */
function lifeOf(certificate: X509Certificate): Pick<GeneratedPair, 'renewAt' | 'validFrom'> {
  const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()];
  return { renewAt: from + ((to - from) * 2) / 3, validFrom: from };
}

function splitPair(text: string): [cert: string, key: string] {
  const start = text.indexOf('-----BEGIN PRIVATE KEY-----');
  if (start < 0) throw new Error('no private key');
  return [text.slice(0, start), text.slice(start)];
}

async function newKey(): Promise<string> {
  const { privateKey } = await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify']);
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    type: 'pkcs8',
    format: 'pem',
  });
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), ECDSA, false, ['sign']);
}

async function publicKeyOf(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  return webcrypto.subtle.importKey('spki', new Uint8Array(der), ECDSA, true, ['verify']);
}

function serial(): string {
  const bytes = randomBytes(16);
  // Positive, and without a leading zero byte.
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** One spelling for each name and address. */
function canonical(name: string): string {
  if (isIP(name) !== 6) return name.toLowerCase();
  return new SocketAddress({ address: name, family: 'ipv6' }).address;
}

function failed(path: string, thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError('CERTIFICATE_FAILED', { path, reason: reasonOf(thrown) }, thrown);
}

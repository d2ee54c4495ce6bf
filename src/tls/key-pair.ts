import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { reasonOf } from '../errors.ts';
import type { CertificatePair, TlsProblem } from './credentials.ts';

/** Where a certificate and its key come from. Absolute paths. */
export interface PairFiles {
  readonly cert_file: string;
  readonly key_file: string;
  readonly key_passphrase: string | null;
}

export interface LoadedPair {
  /** Null if an error was found. */
  readonly pair: CertificatePair | null;
  /** Names that the certificate is for; empty when it could not be read. */
  readonly names: readonly string[];
  readonly problems: readonly TlsProblem[];
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;
const PROTECTED_KEY = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;
/** A warning comes this long before a certificate expires. */
const EXPIRES_SOON = 14 * 24 * 3600 * 1000;

/**
 * Reads a certificate and its private key, and shows that a server could use them: readable, a pair,
 * valid at `now`. Synchronous, because it is a step of validating a configuration.
 */
export function loadPair(files: PairFiles, now: number): LoadedPair {
  const problems: TlsProblem[] = [];
  const chain = loadCertificates(files.cert_file, 'cert_file', problems);
  const key = loadKey(files, problems);
  const leaf = chain[0];
  if (leaf) {
    checkDates(leaf, files.cert_file, 'cert_file', now, problems);
    checkChain(chain, files.cert_file, problems);
  }
  if (leaf && key) checkBelonging(chain, key, files, problems);
  const names = leaf ? namesOf(leaf) : [];
  if (!leaf || !key || problems.some((problem) => !problem.warning)) {
    return { pair: null, names, problems };
  }
  const pair = {
    cert: chain.map((certificate) => certificate.toString()).join(''),
    key: key.export({ type: 'pkcs8', format: 'pem' }),
  };
  try {
    createSecureContext(pair);
  } catch (thrown) {
    const message = `${files.cert_file} cannot be used: ${reasonOf(thrown)}`;
    problems.push({ path: ['cert_file'], message, warning: false });
    return { pair: null, names, problems };
  }
  return { pair, names, problems };
}

/** Reads the authorities that client certificates must come from: PEM, or null after a problem. */
export function loadAuthorities(path: string, now: number, problems: TlsProblem[]): string | null {
  const before = problems.length;
  const certificates = loadCertificates(path, 'ca_file', problems);
  if (problems.length > before) return null;
  for (const certificate of certificates) {
    if (certificate.validToDate.getTime() < now) {
      const message = `${path}: the authority ${oneLine(certificate.subject)} expired on ${day(certificate.validToDate)}`;
      problems.push({ path: ['ca_file'], message, warning: true });
    }
  }
  return certificates.map((certificate) => certificate.toString()).join('');
}

/** DNS names and addresses that a certificate is for. */
export function namesOf(certificate: X509Certificate): string[] {
  const names = (certificate.subjectAltName ?? '')
    .split(', ')
    .map((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1])
    .filter((name) => name !== undefined);
  if (names.length > 0) return names;
  const common = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
  return common === undefined ? [] : [common];
}

function loadCertificates(path: string, key: string, problems: TlsProblem[]): X509Certificate[] {
  const text = readText(path, key, problems);
  if (text === null) return [];
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) {
    const found = PRIVATE_KEY.test(text) ? 'a private key' : 'no certificate';
    const message = `${path} holds ${found}; expected a certificate in PEM form (-----BEGIN CERTIFICATE-----)`;
    problems.push({ path: [key], message, warning: false });
    return [];
  }
  const certificates: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    try {
      certificates.push(new X509Certificate(block));
    } catch (thrown) {
      const message = `${path}: certificate ${index + 1} of ${blocks.length} cannot be read: ${reasonOf(thrown)}`;
      problems.push({ path: [key], message, warning: false });
      return [];
    }
  }
  return certificates;
}

function loadKey(files: PairFiles, problems: TlsProblem[]): KeyObject | null {
  const path = files.key_file;
  const text = readText(path, 'key_file', problems);
  if (text === null) return null;
  const fail = (key: string, message: string): null => {
    problems.push({ path: [key], message, warning: false });
    return null;
  };
  if (!PRIVATE_KEY.test(text)) {
    const found = text.includes('-----BEGIN CERTIFICATE-----') ? 'a certificate' : 'no private key';
    return fail(
      'key_file',
      `${path} holds ${found}; expected a private key in PEM form (-----BEGIN PRIVATE KEY-----)`,
    );
  }
  const isProtected = PROTECTED_KEY.test(text);
  if (isProtected && files.key_passphrase === null) {
    return fail(
      'key_file',
      `${path} is encrypted; expected "key_passphrase" beside it, or a key without one`,
    );
  }
  try {
    return createPrivateKey({ key: text, passphrase: files.key_passphrase ?? undefined });
  } catch (thrown) {
    // OpenSSL's message for a wrong passphrase ("bad decrypt") helps nobody.
    return isProtected
      ? fail('key_passphrase', `the passphrase does not decrypt ${path}`)
      : fail('key_file', `${path} cannot be read as a private key: ${reasonOf(thrown)}`);
  }
}

function readText(path: string, key: string, problems: TlsProblem[]): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    const message = `cannot read ${path}: ${reading(thrown)}`;
    problems.push({ path: [key], message, warning: false });
    return null;
  }
}

const READING: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
};

function reading(thrown: unknown): string {
  return READING[(thrown as NodeJS.ErrnoException).code ?? ''] ?? reasonOf(thrown);
}

function checkDates(
  certificate: X509Certificate,
  path: string,
  key: string,
  now: number,
  problems: TlsProblem[],
): void {
  const { validFromDate, validToDate } = certificate;
  // Never more than a warning: what else the configuration serves is not to wait for a new certificate.
  const trouble = validityTrouble(validFromDate, validToDate, now);
  if (trouble === null) return;
  problems.push({ path: [key], message: `${path}: the certificate ${trouble}`, warning: true });
}

/** Why a certificate is not valid now or soon, in words; null if it is. */
export function validityTrouble(from: Date, to: Date, now: number): string | null {
  if (to.getTime() <= now) return `expired on ${day(to)}`;
  if (from.getTime() > now) return `is not valid before ${day(from)}`;
  return to.getTime() - now < EXPIRES_SOON ? `expires on ${day(to)}` : null;
}

/** Clients put a chain together from any order, most of them; so a wrong order is a warning. */
function checkChain(chain: readonly X509Certificate[], path: string, problems: TlsProblem[]): void {
  for (let i = 0; i + 1 < chain.length; i++) {
    const [subject, issuer] = [chain[i] as X509Certificate, chain[i + 1] as X509Certificate];
    if (subject.checkIssued(issuer)) continue;
    const message = `${path}: certificate ${i + 2} did not issue certificate ${i + 1}; expected the server's own certificate first, then each one's issuer`;
    problems.push({ path: ['cert_file'], message, warning: true });
    return;
  }
}

function checkBelonging(
  chain: readonly X509Certificate[],
  key: KeyObject,
  { cert_file, key_file }: PairFiles,
  problems: TlsProblem[],
): void {
  const place = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (place === 0) return;
  const message =
    place < 0
      ? `${key_file} is not the key of the certificate in ${cert_file}`
      : `${key_file} is the key of certificate ${place + 1} in ${cert_file}; the server's own certificate must come first`;
  problems.push({ path: ['key_file'], message, warning: false });
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function oneLine(subject: string): string {
  return subject.replaceAll('\n', ', ');
}

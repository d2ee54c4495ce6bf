import { X509Certificate } from 'node:crypto';
import type { EntryCredentials } from './credentials.ts';
import { namesOf } from './key-pair.ts';

/** The part of an entry's configuration that names its certificates. */
interface CertificateFiles {
  readonly cert_file: string | null;
  readonly certificates: readonly { readonly cert_file: string }[];
}

/** The properties of a certificate that `evergate cert` shows. */
export interface CertificateInfo {
  /** `CN=localhost, O=…`. */
  readonly subject: string;
  readonly issuer: string;
  /** DNS names and addresses. */
  readonly names: readonly string[];
  readonly validFrom: Date;
  readonly validTo: Date;
  /** SHA-256, `AB:CD:…`. */
  readonly fingerprint: string;
  /** `EC prime256v1`, `RSA 2048`. */
  readonly key: string;
}

/** Reads the first certificate of a PEM text. */
export function certificateInfo(pem: string): CertificateInfo {
  const certificate = new X509Certificate(pem);
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  const detail = asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength ?? '';
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: namesOf(certificate),
    validFrom: certificate.validFromDate,
    validTo: certificate.validToDate,
    fingerprint: certificate.fingerprint256,
    key: `${(asymmetricKeyType ?? 'unknown').toUpperCase()} ${detail}`.trim(),
  };
}

/** How long a certificate that an entry shows is valid. */
export interface CertificateStatus {
  readonly entry: string;
  /** Host names that it is shown to; those that it is for where any name gets it. */
  readonly names: readonly string[];
  /** Where it comes from; `generated` for one of the gateway's own. */
  readonly file: string;
  /** ms since 1970 */
  readonly validFrom: number;
  readonly validTo: number;
}

/** All certificates of an entry. */
export function certificatesOf(
  entry: string,
  { cert_file, certificates }: CertificateFiles,
  { fallback, named }: EntryCredentials,
): CertificateStatus[] {
  const statusOf = (
    pem: string,
    names: readonly string[] | null,
    file: string,
  ): CertificateStatus => {
    const certificate = new X509Certificate(pem);
    const { validFromDate, validToDate } = certificate;
    return {
      entry,
      names: names ?? namesOf(certificate),
      file,
      validFrom: validFromDate.getTime(),
      validTo: validToDate.getTime(),
    };
  };
  return [
    statusOf(fallback.cert, null, cert_file ?? 'generated'),
    ...named.map(({ cert, domains }, index) =>
      statusOf(cert, domains, certificates[index]?.cert_file ?? ''),
    ),
  ];
}

function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ');
}

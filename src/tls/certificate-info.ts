import { X509Certificate } from 'node:crypto';
import { namesOf } from './key-pair.ts';

/** What `evergate cert` tells of a certificate. */
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

function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ');
}

import type { TLSSocket } from 'node:tls';
import type { ClientCertificate } from '../../http/context.ts';

/** The client's certificate after the handshake; null if it presented none. */
export function clientCertificate(socket: TLSSocket): ClientCertificate | null {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return null;
  return {
    subject: (certificate.subject ?? '').replaceAll('\n', ', '),
    issuer: (certificate.issuer ?? '').replaceAll('\n', ', '),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    verified: socket.authorized,
    problem: problemOf(socket),
  };
}

/** Why the client's certificate does not verify; null when it does. */
export function problemOf(socket: TLSSocket): string | null {
  // node:tls gives OpenSSL's code, although its type is Error.
  const { authorized, authorizationError } = socket;
  return authorized ? null : String(authorizationError ?? 'UNKNOWN');
}

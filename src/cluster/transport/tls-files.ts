import { readFileSync } from 'node:fs';
import type { UpstreamTlsConfig } from '../../config/types.ts';
import type { TlsSettings } from './transport.ts';

/** What the files hold; null when nothing is set. @throws when one cannot be read */
export function readTlsFiles(config: Partial<UpstreamTlsConfig>): TlsSettings | null {
  const {
    ca_file = null,
    cert_file = null,
    key_file = null,
    key_passphrase = null,
    server_name = null,
  } = config;
  if (ca_file === null && cert_file === null && server_name === null) return null;
  return {
    ca: ca_file === null ? null : readFileSync(ca_file, 'utf8'),
    cert: cert_file === null ? null : readFileSync(cert_file, 'utf8'),
    key: key_file === null ? null : readFileSync(key_file, 'utf8'),
    passphrase: key_passphrase,
    serverName: server_name,
  };
}

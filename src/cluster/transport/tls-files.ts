import { readFileSync } from 'node:fs';
import type { UpstreamTlsConfig } from '../../config/types.ts';
import type { TlsSettings } from './transport.ts';

/** What the files hold. @throws when one cannot be read */
export function readTlsFiles(config: Partial<UpstreamTlsConfig>): TlsSettings {
  const {
    ca_file = null,
    cert_file = null,
    key_file = null,
    key_passphrase = null,
    server_name = null,
    skip_insecure_verify = null,
    skip_domain_verify = false,
  } = config;
  return {
    ca: ca_file === null ? null : readFileSync(ca_file, 'utf8'),
    cert: cert_file === null ? null : readFileSync(cert_file, 'utf8'),
    key: key_file === null ? null : readFileSync(key_file, 'utf8'),
    passphrase: key_passphrase,
    serverName: server_name,
    skipVerify: skip_insecure_verify,
    skipDomainVerify: skip_domain_verify,
  };
}

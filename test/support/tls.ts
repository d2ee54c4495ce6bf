import type { EntryConfig, TlsConfig } from '../../src/config/types.ts';
import { noTls } from './entry.ts';

/** The configuration of an entry with TLS. */
export function withTls(changes: Partial<TlsConfig> = {}): Partial<EntryConfig> {
  return { tls: { ...noTls, enabled: true, http2: true, ...changes } };
}

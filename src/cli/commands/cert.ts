import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfiguration } from '../../config/load.ts';
import type { GatewayConfig } from '../../config/types.ts';
import { builtIn } from '../built-in.ts';
import { certificateFolder } from '../../primary/reload/certificates.ts';
import { fileNameFor } from '../../tls/authority.ts';
import { certificateInfo } from '../../tls/certificate-info.ts';
import type { EntryFiles } from '../../tls/credentials.ts';

const DAY = 24 * 3600 * 1000;

/** Prints the certificates of all entries with TLS. @throws ConfigError */
export async function cert(paths: readonly string[]): Promise<void> {
  const { config, tlsFiles } = await loadConfiguration({ paths, ...builtIn });
  const folder = certificateFolder(config);
  const blocks = config.entry.flatMap((entry) => {
    const files = tlsFiles.get(entry.name);
    return files ? describeEntry(entry, files, folder) : [];
  });
  if (blocks.length === 0) blocks.push('no entry has TLS enabled');
  if ([...tlsFiles.values()].some(({ fallback }) => fallback === null)) {
    blocks.push(describeAuthority(join(folder, 'ca.crt')));
  }
  console.log(blocks.join('\n\n'));
}

function describeEntry(
  { name, tls }: GatewayConfig['entry'][number],
  files: EntryFiles,
  folder: string,
): string[] {
  const generated = join(folder, fileNameFor(name));
  const blocks: string[] = [];
  if (files.fallback) {
    blocks.push(describe(`entry ${name}`, `${tls.cert_file}`, files.fallback.cert));
  } else if (existsSync(generated)) {
    blocks.push(describe(`entry ${name}, generated`, generated, readFileSync(generated, 'utf8')));
  } else blocks.push(`entry ${name}: generated when the gateway starts`);
  for (const { domains, cert: pem } of files.named) {
    blocks.push(describe(`entry ${name}`, `for ${domains.join(', ')}`, pem));
  }
  return blocks;
}

function describeAuthority(file: string): string {
  if (!existsSync(file)) return `authority to trust: ${file}, generated when the gateway starts`;
  return describe('authority to trust', file, readFileSync(file, 'utf8'));
}

function describe(what: string, source: string, pem: string): string {
  const { subject, issuer, names, validFrom, validTo, fingerprint, key } = certificateInfo(pem);
  const now = Date.now();
  const left = Math.floor((validTo.getTime() - now) / DAY);
  const state =
    validFrom.getTime() > now ? 'not yet valid' : left < 0 ? 'expired' : `${left} days left`;
  return [
    `${what}: ${source}`,
    `  subject      ${subject}`,
    `  issuer       ${issuer === subject ? 'itself' : issuer}`,
    ...(names.length > 0 ? [`  names        ${names.join(', ')}`] : []),
    `  valid        ${day(validFrom)} to ${day(validTo)} (${state})`,
    `  key          ${key}`,
    `  fingerprint  ${fingerprint}`,
  ].join('\n');
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

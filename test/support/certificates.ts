/** Certificates for tests, made by the openssl command or by our own authority. */
import { execFileSync } from 'node:child_process';
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs `openssl COMMAND`; the command's arguments have no blanks in them. */
export function openssl(cwd: string, command: string): string {
  return execFileSync('openssl', command.split(' '), { cwd, encoding: 'utf8', stdio: 'pipe' });
}

export interface Made {
  readonly cert: string;
  readonly key: string;
}

const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

/** A self-signed certificate `NAME.crt` with `NAME.key`; gives their paths. */
export function selfSigned(path: string, name: string, options: { days?: number } = {}): Made {
  const files = `-keyout ${name}.key -out ${name}.crt`;
  const names = `-subj /CN=${name} -addext subjectAltName=DNS:${name}`;
  openssl(path, `req -x509 ${NEW_KEY} ${files} -days ${options.days ?? 365} ${names}`);
  return { cert: join(path, `${name}.crt`), key: join(path, `${name}.key`) };
}

/** A certificate that `issuer` signed, with an extension file of `extensions`. */
export function issued(path: string, name: string, issuer: Made, extensions: string): Made {
  writeFileSync(join(path, `${name}.ext`), extensions);
  openssl(path, `req ${NEW_KEY} -keyout ${name}.key -out ${name}.csr -subj /CN=${name}`);
  const by = `-CA ${issuer.cert} -CAkey ${issuer.key} -CAcreateserial`;
  openssl(path, `x509 -req -in ${name}.csr ${by} -out ${name}.crt -days 30 -extfile ${name}.ext`);
  return { cert: join(path, `${name}.crt`), key: join(path, `${name}.key`) };
}

let ofProcess: { cert: Buffer; key: Buffer } | undefined;

/** A certificate for the nodes of this process, as PEM. */
export function nodeCertificate(): { cert: Buffer; key: Buffer } {
  if (ofProcess !== undefined) return ofProcess;
  using folder = mkdtempDisposableSync(join(tmpdir(), 'evergate-node-'));
  const { cert, key } = selfSigned(folder.path, 'node');
  ofProcess = { cert: readFileSync(cert), key: readFileSync(key) };
  return ofProcess;
}

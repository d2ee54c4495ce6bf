import { isIP } from 'node:net';
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls';
import type { NodeName } from '../names/node-name.ts';
import type { ConnectionSettings } from './transport.ts';

type TlsOptions = Pick<
  ConnectionOptions,
  'rejectUnauthorized' | 'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'checkServerIdentity'
>;

/** What connections to nodes are opened with, as the configuration says. */
export function tlsOptions({ tls, tlsInsecureSkipVerify }: ConnectionSettings): TlsOptions {
  const skips = tlsInsecureSkipVerify ?? tls?.skipVerify ?? tls?.ca == null;
  return {
    rejectUnauthorized: !skips,
    ...(tls?.skipDomainVerify && { checkServerIdentity: () => undefined }),
    ...(tls?.ca != null && { ca: tls.ca }),
    ...(tls?.cert != null && { cert: tls.cert }),
    ...(tls?.key != null && { key: tls.key }),
    ...(tls?.passphrase != null && { passphrase: tls.passphrase }),
    ...(tls?.serverName != null && { servername: tls.serverName }),
  };
}

/** Opens TLS connections to one node; each resumes the session of one before it. */
export class NodeTls {
  readonly #options: TlsOptions;
  readonly #context: SecureContext;
  #session: Buffer | undefined;

  constructor(host: string, settings: ConnectionSettings) {
    const options = tlsOptions(settings);
    // An address is no name to ask for.
    this.#options = isIP(host) === 0 ? { servername: host, ...options } : options;
    // Certificates and keys are read once, not for every connection.
    this.#context = nodeTls().createSecureContext(options);
  }

  /**
   * Emits `secureConnect` when the node has proved itself, else `error`.
   * @param protocols that the node may choose from; absent for none but HTTP/1.1
   */
  connect(
    address: { readonly host: string; readonly name: NodeName | null; readonly port: number },
    protocols?: string[],
  ): TLSSocket {
    const { host, name, port } = address;
    const socket = nodeTls().connect({
      host,
      port,
      ...(name !== null && { lookup: name.lookup }),
      ...this.#options,
      secureContext: this.#context,
      session: this.#session,
      ...(protocols !== undefined && { ALPNProtocols: protocols }),
    });
    socket.setNoDelay(true).setKeepAlive(true);
    socket.on('session', (session: Buffer) => (this.#session = session));
    return socket;
  }
}

/** Loaded when there is a node that speaks it. */
function nodeTls(): typeof import('node:tls') {
  return process.getBuiltinModule('node:tls');
}

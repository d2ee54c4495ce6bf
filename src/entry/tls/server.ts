import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls, { type SecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import type { TlsConfig } from '../../config/types.ts';
import type { EntryCredentials } from '../../tls/credentials.ts';
import { transportOf } from '../../runtime/tls/transport.ts';
import { TicketKeys } from './session-tickets.ts';

export interface TlsServerOptions {
  /** Of the entry. */
  readonly name: string;
  readonly config: TlsConfig;
  readonly credentials: EntryCredentials;
  /** The same in every worker, the newest first; absent for keys of this process alone. */
  readonly ticketKeys: Buffer | undefined;
  readonly onSecure: (socket: TLSSocket) => void;
  /** A connection did not get as far as that. */
  readonly onRejected: (reason: 'handshake' | 'plain_http') => void;
}

/** How long a client that does not speak TLS may take to read so, ms. */
const lingerTime = 1_000;
const plainText =
  'This port speaks HTTPS: the request came without TLS. Use https:// in its address.\n';
const plainAnswer =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n' +
  `Content-Length: ${plainText.length}\r\n\r\n${plainText}`;

/** How long a handshake may take, ms. */
const handshakeTimeout = 10_000;

/** Forward secrecy and authenticated encryption; AES first, for most processors have it built in. */
const strongCiphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * The TLS side of an entry: handshakes for connections that come by `accept`, with the certificate
 * that goes with the name the client asks for.
 */
export class TlsServer {
  readonly #server: tls.Server;
  readonly #ticketKeys: TicketKeys;

  /** @throws what is wrong with a certificate, a key or the cipher list. */
  constructor({ name, config, credentials, ticketKeys, onSecure, onRejected }: TlsServerOptions) {
    const { fallback, named, clientAuthorities } = credentials;
    const shared: SecureContextOptions = {
      minVersion: config.min_version,
      ciphers: config.ciphers ?? strongCiphers,
      honorCipherOrder: true,
      ...(clientAuthorities === null ? {} : { ca: clientAuthorities }),
    };
    const contexts = new Map<string, SecureContext>();
    for (const { domains, cert, key } of named) {
      const context = tls.createSecureContext({ ...shared, cert, key });
      // Where two certificates claim a name, the first one has it.
      for (const domain of domains) {
        if (!contexts.has(domain.toLowerCase())) contexts.set(domain.toLowerCase(), context);
      }
    }
    this.#server = tls.createServer({
      ...shared,
      cert: fallback.cert,
      key: fallback.key,
      ALPNProtocols: config.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      handshakeTimeout,
      requestCert: clientAuthorities !== null,
      // Judged when the handshake is done: then there is a place to say why.
      rejectUnauthorized: false,
      // A session of another entry, or from before other authorities, is none here.
      sessionIdContext: digest(name, clientAuthorities ?? ''),
      ...(contexts.size === 0 ? {} : { SNICallback: chooseFrom(contexts) }),
    });
    this.#ticketKeys = new TicketKeys(this.#server, new Set(contexts.values()));
    if (ticketKeys) this.#ticketKeys.set(ticketKeys);
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      // From here on how a connection ends is for whoever reads it to say.
      socket.allowHalfOpen = true;
      onSecure(socket);
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      const transport = transportOf(socket);
      const below = transport instanceof Socket ? transport : null;
      if (error.code !== 'ERR_SSL_HTTP_REQUEST' || below === null) {
        // A connection that is closed without a word is nobody's mistake.
        if (below === null || below.bytesRead > 0) onRejected('handshake');
        socket.destroy();
        return;
      }
      onRejected('plain_http');
      below.write(plainAnswer);
      below.end();
      setTimeout(() => socket.destroy(), lingerTime);
    });
  }

  accept(socket: Duplex): void {
    // A client that ends its side in the middle of a handshake has gone: nothing is to be waited for.
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
  }

  setTicketKeys(keys: Buffer): void {
    this.#ticketKeys.set(keys);
  }
}

type Chosen = (error: Error | null, context?: SecureContext) => void;

/** Chooses by name: the name's own context, or that of the wildcard one level above. */
function chooseFrom(contexts: ReadonlyMap<string, SecureContext>) {
  return (servername: string, done: Chosen): void => {
    const name = servername.toLowerCase();
    const dot = name.indexOf('.');
    const wildcard = dot < 0 ? '' : `*${name.slice(dot)}`;
    done(null, contexts.get(name) ?? contexts.get(wildcard));
  };
}

function digest(...parts: string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);
}

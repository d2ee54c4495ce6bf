import { createRequire } from 'node:module';
import type { buildConnector, Pool } from 'undici';
import { GatewayError } from '../../../errors.ts';
import { tlsOptions } from '../node-tls.ts';
import type {
  ConnectionSettings,
  Transport,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
} from '../transport.ts';
import type { ConnectionPermits } from '../../../shared-limits/worker/node-connection-slots.ts';
import { Http1Transport } from '../http1/transport.ts';
import { PermittedConnector } from './connector.ts';
import { UndiciExchange } from './exchange.ts';

const require = createRequire(import.meta.url);

/** Loaded when a node needs it: it takes a third of an idle worker's memory. */
function undici(): typeof import('undici') {
  return require('undici') as typeof import('undici');
}

/** Bytes that a response head may have. */
const maxHead = 65_536;

/**
 * undici's pool for one node: for HTTP/2, which the lean client does not speak. Connections that broke
 * without an answer are never told as `stale`, since undici does not say which it reused.
 */
export class UndiciTransport implements Transport {
  readonly #origin: string;
  readonly #settings: ConnectionSettings;
  readonly #pool: Pool;
  readonly #upgrades: Http1Transport;

  constructor(
    origin: string,
    settings: ConnectionSettings,
    permits: ConnectionPermits | null = null,
  ) {
    this.#origin = origin;
    this.#settings = settings;
    this.#upgrades = new Http1Transport(origin, settings, permits);
    const connect = connectorFor(settings);
    this.#pool = new (undici().Pool)(origin, {
      connections: settings.maxConnections,
      allowH2: settings.allowH2,
      maxHeaderSize: maxHead,
      keepAliveTimeout: settings.idleTimeout || 600_000,
      clientTtl: settings.maxAge || null,
      // The exchange times the wait for a connection and the connecting, both together.
      connect:
        permits === null ? connect : new PermittedConnector(origin, connect, permits).connect,
    });
  }

  send(request: UpstreamRequest, handler: UpstreamHandler): UpstreamExchange {
    // HTTP/2 knows no upgrade, and what it has in its place few nodes speak.
    if (request.upgrade !== undefined) return this.#upgrades.send(request, handler);
    const exchange = new UndiciExchange(request, handler, this.#origin, this.#settings);
    try {
      this.#pool.dispatch(exchange.options(), exchange);
    } catch (error) {
      queueMicrotask(() => exchange.refuse(error));
    }
    return exchange;
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.#upgrades.close()]);
  }

  destroy(): void {
    const reason = 'the gateway closed the connection';
    const error = new GatewayError('UPSTREAM_BROKEN', { node: this.#origin, reason });
    this.#upgrades.destroy();
    // Settles when every socket has closed; nobody waits for that.
    this.#pool.destroy(error).catch(() => undefined);
  }
}

/**
 * Connects under the node's name, or the one that the configuration gives: undici would take it from
 * the Host field of the request that happens to need a connection.
 */
function connectorFor(settings: ConnectionSettings): buildConnector.connector {
  const connect = undici().buildConnector({
    timeout: settings.connectTimeout,
    allowH2: settings.allowH2,
    ...tlsOptions(settings),
  });
  return ({ servername: _ofRequest, ...options }, callback) => connect(options, callback);
}

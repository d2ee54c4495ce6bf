import type { EntryLimits } from '../../config/types.ts';
import type { HeadLimits } from '../../http/http1/request-head.ts';
import type { Connection } from '../connection/connection.ts';
import type { ExchangeOwner } from '../exchange/exchange.ts';
import type { ExchangeSession } from './exchange.ts';
import { serveHttp2 } from '../http2/session.ts';

/** How a client of HTTP/2 begins; what follows is for its own reader to judge. */
const prefaceStart = 'PRI * HTTP/2';

/** Settings that all HTTP/1 sessions of an entry have in common. */
export class Http1Settings {
  readonly owner: ExchangeOwner;
  readonly limits: EntryLimits;
  readonly headLimits: HeadLimits;
  readonly maxBodyBytes: number;
  /** How the head of a response ends after which the connection stays. */
  readonly keepAlive: string;

  constructor(owner: ExchangeOwner, limits: EntryLimits) {
    this.owner = owner;

    this.limits = limits;
    this.headLimits = {
      maxBytes: limits.max_header_size,
      maxFields: limits.max_header_count || Infinity,
    };
    this.maxBodyBytes = limits.max_request_body_size || Infinity;
    const seconds = Math.floor(limits.idle_timeout / 1000);
    const hint = seconds > 0 ? `Keep-Alive: timeout=${seconds}\r\n` : '';
    this.keepAlive = `Connection: keep-alive\r\n${hint}\r\n`;
  }

  /**
   * Serves a connection by HTTP/2 if its client knows beforehand that it may speak that; over TLS it has
   * to ask. `first`: what has been read, and is no request. False for all others.
   */
  handOver(session: ExchangeSession, connection: Connection, first: Buffer): boolean {
    if (connection.tls || connection.requests > 0) return false;
    if (first.toString('latin1', 0, prefaceStart.length) !== prefaceStart) return false;
    session.release();
    serveHttp2(this.owner, connection, this.limits, first);
    return true;
  }
}

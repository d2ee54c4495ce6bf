import type { EntryLimits } from '../../config/types.ts';
import type { HeadLimits } from '../../http/http1/request-head.ts';
import type { ExchangeOwner } from '../exchange/exchange.ts';

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
}

import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type ErrorCode, GatewayError } from '../../errors.ts';
import type { ExchangeOwner } from '../exchange/exchange.ts';
import { refuseHttp2 } from '../http2/refusal.ts';
import { closeLingering } from './lingering-close.ts';
import { rawErrorResponse } from '../exchange/error-response.ts';

/** Connections being refused at one time; more are dropped without a word. */
const maxRefusals = 1024;
/** A client that sends nothing gets the response after this time, ms. */
const patience = 100;

/** The part of an entry that rejections use. */
type RefusingEntry = Pick<ExchangeOwner, 'name' | 'log' | 'rejections'>;

/**
 * Turns connections away with 503 or 429. The answer goes out on the first bytes of the request, because
 * a client that reads an answer before it has asked may take it for noise.
 */
export class Refusals {
  readonly #entry: RefusingEntry;
  #open = 0;
  #total = 0;
  #denied = 0;

  constructor(entry: RefusingEntry) {
    this.#entry = entry;
  }

  /** Connections refused so far. */
  get total(): number {
    return this.#total;
  }

  /** Connections that are being answered. */
  get open(): number {
    return this.#open;
  }

  /** Counts the connection as refused; false when it was dropped because there are too many. */
  begin(socket: Duplex): boolean {
    this.#total++;
    this.#entry.rejections.add('limit');
    if (this.#open >= maxRefusals) {
      socket.destroy();
      return false;
    }
    this.#open++;
    socket.once('close', () => this.#open--);
    return true;
  }

  /** Aborts a connection that is not allowed, without a response. */
  deny(socket: Duplex, client: string): void {
    this.#total++;
    this.#entry.rejections.add('address');
    socket.destroy();
    if (this.#denied++ % 1000 > 0) return;
    const told = { entry: this.#entry.name, client, times: this.#denied };
    this.#entry.log.info(told, 'connection of a denied address broken off');
  }

  /** Answers. The socket is the one that HTTP would run on. */
  answer(socket: Duplex, code: ErrorCode = 'TOO_MANY_CONNECTIONS'): void {
    if ((socket as Partial<TLSSocket>).alpnProtocol === 'h2') {
      refuseHttp2(socket, code);
      return;
    }
    socket.on('error', () => socket.destroy());
    const timer = setTimeout(tell, patience);
    socket.once('data', tell);
    socket.once('end', tell);
    socket.once('close', () => clearTimeout(timer));

    function tell(): void {
      clearTimeout(timer);
      socket.off('data', tell);
      socket.off('end', tell);
      if (!socket.writable) return;
      socket.write(rawErrorResponse(new GatewayError(code), ['Retry-After', '1']));
      closeLingering(socket);
    }
  }
}

import { randomBytes } from 'node:crypto';
import type { SecureContext, Server } from 'node:tls';
import { ticketKeyBytes } from '../../ipc/messages.ts';
import { onTicketKey, type TicketAnswer } from '../../runtime/tls/ticket-callback.ts';

interface TicketKey {
  readonly name: Buffer;
  readonly hmac: Buffer;
  readonly aes: Buffer;
}

/**
 * The keys of a server's session tickets: the first one issues, all of them are accepted. A server of
 * node:tls takes one key by its documented way; where it has no other, the first one is all there is.
 */
export class TicketKeys {
  readonly #server: Server;
  readonly #named: Iterable<SecureContext>;
  /** Whether OpenSSL asks here; null before there are keys. */
  #isAsked: boolean | null = null;
  #keys: readonly TicketKey[] = [];

  /** `named`: contexts that the server may choose by a client's wish. */
  constructor(server: Server, named: Iterable<SecureContext>) {
    this.#server = server;
    this.#named = named;
  }

  /** `keys`: concatenated, the newest first. */
  set(keys: Buffer): void {
    // Asked for with the first keys: without any, node:tls has keys of its own.
    this.#isAsked ??= onTicketKey(this.#server, this.#named, (name, iv, issuing) =>
      this.#answer(name, iv, issuing),
    );
    if (!this.#isAsked) this.#server.setTicketKeys(keys.subarray(0, ticketKeyBytes));
    this.#keys = Array.from({ length: keys.length / ticketKeyBytes }, (_, index) => {
      const key = keys.subarray(index * ticketKeyBytes, (index + 1) * ticketKeyBytes);
      return { name: key.subarray(0, 16), hmac: key.subarray(16, 32), aes: key.subarray(32) };
    });
  }

  #answer(name: Buffer, iv: Buffer, issuing: boolean): TicketAnswer {
    const [newest] = this.#keys;
    if (newest === undefined) throw new Error('there is no key for session tickets');
    if (issuing) return [1, newest.hmac, newest.aes, newest.name, randomBytes(16)];
    const key = this.#keys.find((one) => one.name.equals(name));
    if (key === undefined) return [0, newest.hmac, newest.aes, name, iv];
    return [key === newest ? 1 : 2, key.hmac, key.aes, name, iv];
  }
}

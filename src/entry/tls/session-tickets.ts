import { randomBytes } from 'node:crypto';
import type { SecureContext, Server } from 'node:tls';
import { ticketKeyBytes } from '../../ipc/messages.ts';

interface TicketKey {
  readonly name: Buffer;
  readonly hmac: Buffer;
  readonly aes: Buffer;
}

/** What node:tls has for it, and its own tests use, but no documentation names. */
interface TicketHook {
  enableTicketKeyCallback?: () => void;
  onticketkeycallback?: (name: Buffer, iv: Buffer, issuing: boolean) => TicketAnswer;
}

/** How it goes on: 0 without the session, 1 with it, 2 with it and a new ticket. */
type TicketAnswer = [0 | 1 | 2, hmac: Buffer, aes: Buffer, name: Buffer, iv: Buffer];

/**
 * The keys of a server's session tickets: the first one issues, all of them are accepted. A server of
 * node:tls takes one key by its documented way; where it has no other, the first one is all there is.
 */
export class TicketKeys {
  readonly #server: Server;
  readonly #hooks: readonly (TicketHook | undefined)[];
  #keys: readonly TicketKey[] = [];

  /** `named`: contexts that the server may choose by a client's wish. */
  constructor(server: Server, named: Iterable<SecureContext>) {
    this.#server = server;
    // oxlint-disable-next-line no-underscore-dangle -- the context that a server makes of its options.
    const { _sharedCreds: own } = server as Server & { _sharedCreds?: SecureContext };
    this.#hooks = [own, ...named].map((context) => context?.context as TicketHook | undefined);
  }

  /** `keys`: one behind the other, the newest first. */
  set(keys: Buffer): void {
    if (!this.#hook()) this.#server.setTicketKeys(keys.subarray(0, ticketKeyBytes));
    this.#keys = Array.from({ length: keys.length / ticketKeyBytes }, (_, index) => {
      const key = keys.subarray(index * ticketKeyBytes, (index + 1) * ticketKeyBytes);
      return { name: key.subarray(0, 16), hmac: key.subarray(16, 32), aes: key.subarray(32) };
    });
  }

  /** Has OpenSSL ask here from now on; false where that cannot be had. */
  #hook(): boolean {
    const hooks = this.#hooks;
    if (this.#keys.length > 0) return hooks[0]?.onticketkeycallback !== undefined;
    if (!hooks.every((hook) => typeof hook?.enableTicketKeyCallback === 'function')) return false;
    for (const hook of hooks) {
      if (hook === undefined) continue;
      hook.onticketkeycallback = (name, iv, issuing) => this.#answer(name, iv, issuing);
      hook.enableTicketKeyCallback?.();
    }
    return true;
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

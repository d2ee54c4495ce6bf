import type { SecureContext, Server } from 'node:tls';

/** How it goes on: 0 without the session, 1 with it, 2 with it and a new ticket. */
export type TicketAnswer = [0 | 1 | 2, hmac: Buffer, aes: Buffer, name: Buffer, iv: Buffer];

/** Chooses the key of a ticket. */
export type TicketCallback = (name: Buffer, iv: Buffer, issuing: boolean) => TicketAnswer;

/** A context of OpenSSL. */
interface NativeContext {
  enableTicketKeyCallback?: () => void;
  onticketkeycallback?: TicketCallback;
}

/**
 * Has OpenSSL ask `callback` for the keys of a server's session tickets; false where it cannot be had.
 *
 * Relies on: `enableTicketKeyCallback` and `onticketkeycallback` of a context, which Node.js's own tests use
 * since 0.11, and on `_sharedCreds`, the context that a server makes of its options. Without them the
 * documented `setTicketKeys` takes one key: tickets of the key before it are not accepted any more.
 * @param named contexts that the server may choose by a client's wish
 */
export function onTicketKey(
  server: Server,
  named: Iterable<SecureContext>,
  callback: TicketCallback,
): boolean {
  // oxlint-disable-next-line no-underscore-dangle -- there is no public name for it.
  const { _sharedCreds: own } = server as Server & { _sharedCreds?: SecureContext };
  const contexts = [own, ...named].map((context) => context?.context as NativeContext | undefined);
  if (!contexts.every((context) => typeof context?.enableTicketKeyCallback === 'function')) {
    return false;
  }
  for (const context of contexts) {
    if (context === undefined) continue;
    context.onticketkeycallback = callback;
    context.enableTicketKeyCallback?.();
  }
  return true;
}

import { randomBytes } from 'node:crypto';

/** Name, HMAC key and AES key of OpenSSL's session tickets. */
const KEY_BYTES = 48;
/** How long one key is in use, ms. */
const ROTATION = 12 * 3600 * 1000;

/**
 * The key of TLS session tickets. It is the primary's, so that a session resumes with any worker of
 * any generation; it lives in memory only, and is replaced twice a day, because with TLS 1.2 whoever
 * gets hold of it can read what was said under it. Node accepts one key at a time, so at that moment
 * the tickets out there lose their worth, and their clients make a full handshake. A ticket
 * is good for five minutes anyway.
 */
export class TicketKey {
  readonly #changed: (key: Buffer) => void;
  #current: Buffer = randomBytes(KEY_BYTES);

  /** @param changed tells those who have the key of its successor */
  constructor(changed: (key: Buffer) => void) {
    this.#changed = changed;
    setInterval(() => this.rotate(), ROTATION).unref();
  }

  get current(): Buffer {
    return this.#current;
  }

  rotate(): void {
    this.replace(randomBytes(KEY_BYTES));
  }

  /** Goes on with the key that another primary had. */
  replace(key: Buffer): void {
    this.#current = key;
    this.#changed(key);
  }
}

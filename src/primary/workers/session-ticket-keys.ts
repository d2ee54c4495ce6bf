import { randomBytes } from 'node:crypto';
import { ticketKeyBytes } from '../../ipc/messages.ts';

/** How long tickets are issued under one key, which is also the longest life of a ticket. */
const rotationMs = 2 * 3600 * 1000;
/** The current key and the previous one. */
const keptKeys = 2;

/**
 * The keys of TLS session tickets. The primary has them, so that a session resumes with any worker of
 * any generation. They exist in memory only, and are replaced every two hours, because with TLS 1.2 a
 * stolen key decrypts all connections that used it. The previous key is kept for as long as its tickets
 * are valid.
 */
export class TicketKeys {
  readonly #changed: (keys: Buffer) => void;
  /** One after the other, the newest first. */
  #all: Buffer = randomBytes(ticketKeyBytes);

  /** @param changed called with new keys */
  constructor(changed: (keys: Buffer) => void) {
    this.#changed = changed;
    setInterval(() => this.rotate(), rotationMs).unref();
  }

  get all(): Buffer {
    return this.#all;
  }

  rotate(): void {
    const kept = this.#all.subarray(0, (keptKeys - 1) * ticketKeyBytes);
    this.replace(Buffer.concat([randomBytes(ticketKeyBytes), kept]));
  }

  /** Continues with the keys of another primary. */
  replace(keys: Buffer): void {
    this.#all = keys;
    this.#changed(keys);
  }
}

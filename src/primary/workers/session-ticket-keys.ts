import { randomBytes } from 'node:crypto';
import { ticketKeyBytes } from '../../ipc/messages.ts';

/** How long tickets are issued under one key, ms; no ticket is good for longer than that. */
const ROTATION = 2 * 3600 * 1000;
/** The key that tickets are issued under, and the one before. */
const KEPT = 2;

/**
 * The keys of TLS session tickets. They are the primary's, so that a session resumes with any worker
 * of any generation; they live in memory only, and are replaced every two hours, because with TLS 1.2
 * whoever gets hold of one can read what was said under it. The key before is kept for as long as
 * tickets under it are good.
 */
export class TicketKeys {
  readonly #changed: (keys: Buffer) => void;
  /** One behind the other, the newest first. */
  #all: Buffer = randomBytes(ticketKeyBytes);

  /** @param changed tells those who have the keys of the new ones */
  constructor(changed: (keys: Buffer) => void) {
    this.#changed = changed;
    setInterval(() => this.rotate(), ROTATION).unref();
  }

  get all(): Buffer {
    return this.#all;
  }

  rotate(): void {
    const kept = this.#all.subarray(0, (KEPT - 1) * ticketKeyBytes);
    this.replace(Buffer.concat([randomBytes(ticketKeyBytes), kept]));
  }

  /** Goes on with the keys that another primary had. */
  replace(keys: Buffer): void {
    this.#all = keys;
    this.#changed(keys);
  }
}

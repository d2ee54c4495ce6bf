import { fstatSync } from 'node:fs';
import type { Duplex } from 'node:stream';

/** What libuv knows of a connection; there for TCP alone. */
interface Handle {
  readonly fd: number;
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
}

/** How a client takes what is written to it. */
export class ClientIntake {
  readonly #handle: Handle | null;
  #inode = 0;
  #taken = -1;
  #queue = -1;
  #since = 0;

  /** Of the connection itself, without TLS. */
  constructor(socket: Duplex) {
    // oxlint-disable-next-line no-underscore-dangle -- a write that goes out in parts shows only here.
    this.#handle = (socket as Duplex & { _handle?: Handle })._handle ?? null;
  }

  /**
   * For how long no look has seen anything go out, in the unit of `now`; 0 while nothing waits.
   * `owing`: more waits for the client than the connection itself knows of.
   */
  stalled(now: number, owing: boolean): number {
    const handle = this.#handle;
    if (handle === null) return 0;
    const waiting = handle.writeQueueSize;
    const taken = handle.bytesWritten - waiting;
    if (taken !== this.#taken || (!owing && !(waiting > 0))) {
      this.#taken = taken;
      this.#queue = -1;
      this.#since = now;
    }
    return now - this.#since;
  }

  /**
   * Looks at what the system holds: a buffer of some megabytes takes nothing new until a third of it
   * has gone out, which a slow client may need minutes for.
   */
  compare(queues: ReadonlyMap<number, number>, now: number): void {
    if (this.#handle === null || this.#handle.fd < 0) return;
    if (this.#inode === 0) this.#inode = fstatSync(this.#handle.fd).ino;
    const queue = queues.get(this.#inode);
    if (queue === undefined || queue === this.#queue) return;
    // What happened before the first look is not known.
    this.#since = now;
    this.#queue = queue;
  }
}

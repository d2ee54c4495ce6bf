import { fstatSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { type WriteQueue, writeQueueOf } from '../../runtime/sockets/write-queue.ts';

/** What the system holds that answers to pings alone would fill, bytes. */
const smallQueue = 16 << 10;

/** How a client takes what is written to it. */
export class ClientIntake {
  readonly #queued: WriteQueue | null;
  #inode = 0;
  #taken = -1;
  #queue = -1;
  #since = 0;
  /** Whether the connection's own bytes are all that the client waits for. */
  #isAlone = true;

  /** Of the connection itself, without TLS. */
  constructor(socket: Duplex) {
    this.#queued = writeQueueOf(socket);
  }

  /** Whether something waits for the system to take it. */
  get waiting(): boolean {
    return this.#queued !== null && this.#queued.writeQueueSize > 0;
  }

  /** Bytes that have gone out, as far as libuv knows. */
  get taken(): number {
    const queued = this.#queued;
    return queued === null ? 0 : queued.bytesWritten - queued.writeQueueSize;
  }

  /**
   * For how long no look has seen anything go out, in the unit of `now`; 0 while nothing waits.
   * `progress`: more waits for the client than the connection itself knows of; it changes whenever the
   * client takes something of that. Null when nothing does.
   */
  stalled(now: number, progress: number | null): number {
    const queued = this.#queued;
    if (queued === null) return 0;
    const waiting = queued.writeQueueSize;
    // Answers to a client's pings go out, too, and are nothing that it waits for.
    this.#isAlone = progress === null || waiting > 0;
    const taken = this.#isAlone ? this.taken : (progress as number);
    if (taken !== this.#taken || (progress === null && !(waiting > 0))) {
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
    if (this.#queued === null || this.#queued.fd < 0) return;
    if (this.#inode === 0) this.#inode = fstatSync(this.#queued.fd).ino;
    const queue = queues.get(this.#inode);
    if (queue === undefined || queue === this.#queue) return;
    if (!this.#isAlone && queue < smallQueue) return;
    // Progress before the first look is unknown.
    this.#since = now;
    this.#queue = queue;
  }
}

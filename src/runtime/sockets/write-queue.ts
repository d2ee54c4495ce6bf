import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { handleOf } from './handles.ts';

/** What has been written to a connection, and what of it the system has not taken. */
export interface WriteQueue {
  /** Descriptor of the connection; below 0 when it has none, or none is known. */
  readonly fd: number;
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
}

/** Whether handles tell; null until one has been seen. */
let tells: boolean | null = null;

/**
 * The write queue of a TCP connection; null for anything else.
 *
 * Relies on: `bytesWritten` (since 10), `writeQueueSize` (since 0.5) and `fd` of a connection's handle: a
 * write that goes out in parts shows nowhere else. Without them: what the stream knows, in which only
 * whole writes show, so that `write_timeout` is short for a client that takes a large one slowly.
 */
export function writeQueueOf(socket: Duplex): WriteQueue | null {
  if (!(socket instanceof Socket)) return null;
  const queue = handleOf(socket) as WriteQueue | null;
  if (queue === null) return null;
  tells ??= typeof queue.bytesWritten === 'number' && typeof queue.writeQueueSize === 'number';
  return tells ? queue : new StreamQueue(socket);
}

/** What the stream of a connection knows. */
export class StreamQueue implements WriteQueue {
  readonly fd = -1;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get bytesWritten(): number {
    return this.#socket.bytesWritten;
  }

  get writeQueueSize(): number {
    return this.#socket.writableLength;
  }
}

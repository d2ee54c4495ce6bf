import net from 'node:net';
import { own, ReadBuffer } from '../../http/http1/read-buffer.ts';
import { type SocketHandle, socketOptions } from '../../runtime/sockets/handles.ts';

/** Bytes that may wait for the client before whoever writes to it has to wait. */
export const writeAhead = 64 << 10;

/** Takes `count` bytes at the beginning of `buffer`, which are lent. */
export type Receiver = (buffer: Buffer, count: number) => void;

/**
 * A client's connection. Somebody may take what it reads as it comes, without a buffer and a stream
 * event for each read; as long as nobody does, it is a stream like any other.
 */
export class ClientSocket extends net.Socket {
  receiver: Receiver | null = null;
  readonly #reads: ReadBuffer;

  /** `handle` is that of an accepted connection. */
  constructor(handle: SocketHandle) {
    const reads = new ReadBuffer();
    super(
      socketOptions(handle, {
        allowHalfOpen: true,
        highWaterMark: writeAhead,
        onread: reads.onread((buffer, count) => this.#receive(buffer, count)),
      }),
    );
    this.#reads = reads;
    this.once('close', () => reads.release());
  }

  /** Whether a body streams in. */
  set streaming(streaming: boolean) {
    this.#reads.streaming = streaming;
  }

  /** False pauses the reading until the stream asks for more. */
  #receive(buffer: Buffer, count: number): boolean {
    if (this.receiver === null) return this.push(own(buffer.subarray(0, count)));
    this.receiver(buffer, count);
    return true;
  }
}

import net from 'node:net';
import { countBodyBytes } from '../context/body-garbage.ts';

/** Bytes that one read brings at most, of a connection and to be written to it before it waits. */
export const readSize = 64 << 10;

/** Every connection reads into this one: what a read brings is dealt with before the next. */
const shared = Buffer.allocUnsafeSlow(readSize);

/** Takes `count` bytes at the beginning of `buffer`, which are there during the call only. */
export type Receiver = (buffer: Buffer, count: number) => void;

/**
 * A client's connection. Somebody may take what it reads as it comes, without a buffer and a stream
 * event for each read; as long as nobody does, it is a stream like any other.
 */
export class ClientSocket extends net.Socket {
  receiver: Receiver | null = null;

  /** Takes an accepted connection over from the socket that it came as, which is left empty. */
  constructor(accepted: net.Socket) {
    // oxlint-disable no-underscore-dangle -- a server makes its sockets without `onread`.
    const bare = accepted as unknown as { _handle: unknown };
    super({
      handle: bare._handle,
      allowHalfOpen: true,
      highWaterMark: readSize,
      onread: { buffer: shared, callback: (count) => this.#receive(count) },
    } as net.SocketConstructorOpts);
    bare._handle = null;
    // oxlint-enable no-underscore-dangle
  }

  /** False pauses the reading until the stream asks for more. */
  #receive(count: number): boolean {
    if (this.receiver === null) {
      countBodyBytes(count);
      return this.push(Buffer.from(shared.subarray(0, count)));
    }
    this.receiver(shared, count);
    return true;
  }
}

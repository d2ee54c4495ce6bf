import type { Socket } from 'node:net';

type Failure = Error & { readonly syscall?: string };
type Inside = Socket & { readonly _readableState: { errored: Error | null } };

/**
 * Asks `outlives` before a socket is destroyed because it cannot be written to. Whoever has closed the
 * other end may have said something before, and that can still be read: Node.js would throw it away.
 */
export function onWriteFailure(socket: Socket, outlives: (error: Error) => boolean): void {
  const destroy = socket.destroy.bind(socket);
  socket.destroy = function (this: Socket, error?: Failure): Socket {
    if (error?.syscall !== 'write' || !outlives(error)) return destroy(error);
    // A stream that has failed takes nothing more from its connection.
    // oxlint-disable-next-line no-underscore-dangle -- there is no public way to go on reading.
    (this as Inside)._readableState.errored = null;
    return this;
  };
}

import type { Socket } from 'node:net';

type Failure = Error & { readonly syscall?: string };
type Inside = Socket & { readonly _readableState?: { errored?: Error | null } };

/**
 * Asks `outlives` before a socket is destroyed because it cannot be written to. Whoever has closed the
 * other end may have said something before, and that can still be read: Node.js would throw it away.
 *
 * Relies on: a failed write calls the socket's `destroy` with the error, and `_readableState.errored`
 * (since 18) is what has a stream that failed take nothing more from its connection. Without the
 * latter the socket is destroyed, and what the other end said last is lost.
 */
export function onWriteFailure(socket: Socket, outlives: (error: Error) => boolean): void {
  const destroy = socket.destroy.bind(socket);
  socket.destroy = function (this: Socket, error?: Failure): Socket {
    // oxlint-disable-next-line no-underscore-dangle -- there is no public way to go on reading.
    const state = (this as Inside)._readableState;
    if (state?.errored === undefined) return destroy(error);
    if (error?.syscall !== 'write' || !outlives(error)) return destroy(error);
    state.errored = null;
    return this;
  };
}

import net, { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { GatewayError } from '../../errors.ts';

/** What is below a socket of node:net: a handle of libuv, which no documentation describes. */
export interface SocketHandle {
  close(): void;
}

/**
 * The handle of a socket or server.
 *
 * Relies on: the property `_handle`, which node:net has had since 0.8. Whoever calls this says what is
 * done without.
 */
export function handleOf(owner: Duplex | net.Server): SocketHandle | null {
  // oxlint-disable-next-line no-underscore-dangle -- node:net has no public name for it.
  return (owner as { _handle?: SocketHandle | null })._handle ?? null;
}

/**
 * The options of a socket that takes a handle as its connection.
 *
 * Relies on: the option `handle` of `new net.Socket`, since 0.8 (node:net makes the sockets of its own
 * servers by it, and passes `highWaterMark` on to the stream). Without it: see `takeConnections`, which does not give handles out then.
 */
export function socketOptions(
  handle: SocketHandle,
  options: net.SocketConstructorOpts & { readonly highWaterMark?: number },
): net.SocketConstructorOpts {
  return { ...options, handle } as net.SocketConstructorOpts;
}

/** Whether a socket takes a handle that it is given, and writes by it. Tried with one that does nothing. */
export function adoptsHandles(): boolean {
  let isRead = false;
  const handle = {
    readStart: () => {
      isRead = true;
      return 0;
    },
    readStop: () => 0,
    getAsyncId: () => 0,
    close: () => {},
  };
  try {
    const socket = new Socket(socketOptions(handle, {}));
    socket.on('error', () => {});
    socket.resume().read(0);
    const adopted = handleOf(socket) === handle && isRead;
    socket.destroy();
    return adopted;
  } catch {
    return false;
  }
}

/**
 * The handle of a bound socket, to be sent to other processes, which listen on it. It is held by a
 * socket that never connects, so nothing polls it.
 *
 * Relies on: `net.BoundSocket` as the option `handle` of `new net.Socket`, since it is there (24.21 and
 * 26.10); `child.send` takes such a handle since 0.6, and `server.listen` since 0.7. Without it no
 * worker could be given a socket: the start is refused.
 * @throws NODE_UNSUPPORTED
 */
export function handleOfBound(bound: net.BoundSocket): SocketHandle {
  const handle = handleOf(new Socket({ handle: bound }));
  if (typeof handle?.close === 'function') return handle;
  throw new GatewayError('NODE_UNSUPPORTED', {
    actual: process.versions.node,
    reason: 'a socket does not take the handle of a net.BoundSocket',
  });
}

import { Socket } from 'node:net';
import { handleOf } from '../sockets/handles.ts';

/** A descriptor that somebody may make blocking again. */
export interface NonBlockingHandle {
  setBlocking(on: boolean): unknown;
}

/**
 * Has a pipe or terminal not block any more, as Node.js does for `process.stdout`; null when the
 * descriptor is nothing that could block.
 *
 * Relies on: `setBlocking` of a socket's handle, since 1.0. Without it, too, the socket has made its
 * descriptor non-blocking; whoever makes it blocking again is not undone.
 */
export function makeNonBlocking(fd: number): NonBlockingHandle | null {
  try {
    // Never closed, for that would close the descriptor.
    const socket = new Socket({ fd, readable: false, writable: true }).unref();
    const handle = handleOf(socket) as Partial<NonBlockingHandle> | null;
    if (typeof handle?.setBlocking !== 'function') return null;
    handle.setBlocking(false);
    return handle as NonBlockingHandle;
  } catch {
    return null;
  }
}

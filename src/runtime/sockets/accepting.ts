import type { Server } from 'node:net';
import { adoptsHandles, handleOf, type SocketHandle } from './handles.ts';

/** The listening end of a TCP server. */
interface ListeningHandle extends SocketHandle {
  /** Called with each connection that was accepted, or with an error number of libuv. */
  onconnection?: (error: number, accepted?: SocketHandle) => void;
  setNoDelay?(on: boolean): unknown;
  setKeepAlive?(on: boolean, delaySeconds: number): unknown;
}

/** Takes accepted connections, before there is a socket for any. */
export interface ConnectionTaker {
  accepted(handle: SocketHandle): void;
  /** The system could not accept a connection. */
  failed(): void;
}

const isUsable = adoptsHandles();

/**
 * Gives the connections of a listening server to `taker`, in place of `connection` events: the server's
 * own sockets cannot be told where to read to, and to make two for each connection costs as much as a
 * request.
 *
 * Relies on: `onconnection` of a listening handle, since 0.6, with these arguments since 0.12. Without it:
 * answers false, and the server goes on to emit `connection`; its sockets read into buffers of their own.
 */
export function takeConnections(server: Server, taker: ConnectionTaker): boolean {
  const listening: ListeningHandle | null = handleOf(server);
  if (!isUsable || typeof listening?.onconnection !== 'function') return false;
  listening.onconnection = (error, accepted) => {
    if (error < 0 || accepted === undefined) taker.failed();
    else taker.accepted(accepted);
  };
  return true;
}

/**
 * Sets options of a listening socket, which Linux hands down to the connections that it accepts: to set
 * them for each takes five system calls.
 *
 * Relies on: `setNoDelay` and `setKeepAlive` of a listening handle, which are those of a connection since
 * 0.6. Without them, and on other systems: answers false, and they are to be set for each connection.
 * @param keepAliveMs quiet time before the system asks whether the other end is there; null for never
 */
export function setInheritedOptions(server: Server, keepAliveMs: number | null): boolean {
  const listening: ListeningHandle | null = handleOf(server);
  if (process.platform !== 'linux') return false;
  if (typeof listening?.setNoDelay !== 'function') return false;
  if (typeof listening.setKeepAlive !== 'function') return false;
  listening.setNoDelay(true);
  listening.setKeepAlive(keepAliveMs !== null, Math.trunc((keepAliveMs ?? 0) / 1000));
  return true;
}

/**
 * Stops servers from listening, at once. What comes after the last look at the queue and before the close
 * is reset, and all that a server does to close takes its time, above all the first time.
 *
 * Relies on: `close` of a listening handle, since 0.6. Without it the servers' own way is all there is.
 */
export function stopListening(servers: readonly Server[]): void {
  for (const server of servers) handleOf(server)?.close();
  for (const server of servers) server.close();
}

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Closes a TCP connection with RST. Node.js cannot once the connection's own end is on its way: it
 * closes as usual then. A socket of another kind is destroyed.
 */
export function resetConnection(socket: Duplex): void {
  const isOpen = socket instanceof Socket && !socket.destroyed && !socket.writableEnded;
  if (isOpen && !socket.connecting) socket.resetAndDestroy();
  else socket.destroy();
}

import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Limits the connections of a server, such that idle ones cannot keep others out: above the limit a
 * new connection replaces an idle one, of the address with the most idle connections.
 */
export function limitConnections(server: Server, limit: number): void {
  /** Client addresses of connections without a request, oldest first. */
  const idle = new Map<Socket, string>();
  let open = 0;
  server.on('connection', (socket: Socket) => {
    open++;
    socket.once('close', () => {
      open--;
      idle.delete(socket);
    });
    if (open > limit) makeRoom(idle, socket);
    if (!socket.destroyed) idle.set(socket, socket.remoteAddress ?? '');
  });
  server.on('request', ({ socket }: IncomingMessage) => void idle.delete(socket));
}

/** Without an idle connection the new one is closed. */
function makeRoom(idle: ReadonlyMap<Socket, string>, latest: Socket): void {
  const counts = new Map<string, number>();
  for (const address of idle.values()) counts.set(address, (counts.get(address) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  for (const [socket, address] of idle) {
    if (counts.get(address) !== most) continue;
    socket.destroy();
    return;
  }
  latest.destroy();
}

import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Limits how many connections a server has without letting those on which nothing is asked keep
 * others out: a new one that finds no room takes the place of an idle one, of the address that has
 * most of them.
 */
export function limitConnections(server: Server, limit: number): void {
  /** By connection, oldest first: the address of the client while nothing has been asked. */
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

/** When everybody is being answered, it is the new one that has to go. */
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

import type { Duplex } from 'node:stream';

/** How long a connection that we have ended is still read from, ms. */
const lingerTime = 2_000;

/** Connections that have said their last word, and when they are dropped; oldest first. */
const lingering = new Map<Duplex, number>();
let timer: NodeJS.Timeout | null = null;

/**
 * Ends a connection so that its last answer arrives: what is written goes out, then a FIN, then
 * what the client still sends is read and thrown away for a while. Closing with unread data would
 * send a reset, and a reset can destroy an answer that the client has not read yet.
 */
export function closeLingering(socket: Duplex): void {
  if (socket.destroyed || lingering.has(socket)) return;
  lingering.set(socket, Number.POSITIVE_INFINITY);
  socket.once('close', forget);
  // Whoever parsed this connection has no more say in it.
  socket.removeAllListeners('data');
  socket.on('data', discard);
  socket.resume();
  socket.end(() => startClock(socket));
}

function startClock(socket: Duplex): void {
  if (socket.destroyed) return;
  lingering.delete(socket);
  lingering.set(socket, performance.now() + lingerTime);
  timer ??= setTimeout(dropOldest, lingerTime);
}

function dropOldest(): void {
  timer = null;
  const now = performance.now();
  for (const [socket, deadline] of lingering) {
    if (deadline === Number.POSITIVE_INFINITY) continue;
    if (deadline > now + 20) {
      timer = setTimeout(dropOldest, deadline - now);
      return;
    }
    socket.destroy();
  }
}

function forget(this: Duplex): void {
  lingering.delete(this);
}

function discard(): void {
  // Read only so that nothing is left unread.
}

import type { Duplex } from 'node:stream';
import { clock, type Timed } from '../../runtime/deadline-timers.ts';

/** How long a connection that we have ended is still read from, ms. */
const lingerTime = 2_000;

const ending = Symbol('ending');
type Ended = Duplex & { [ending]?: true };

/**
 * Ends a connection so that its last answer arrives: what is written goes out, then a FIN, then
 * what the client still sends is read and thrown away for a while. Closing with unread data would
 * send a reset, and a reset can destroy an answer that the client has not read yet.
 */
export function closeLingering(socket: Duplex): void {
  const ended: Ended = socket;
  if (socket.destroyed || ended[ending]) return;
  ended[ending] = true;
  const lingering = new Lingering(socket);
  clock.add(lingering);
  socket.once('close', () => clock.delete(lingering));
  // Whoever parsed this connection has no more say in it.
  socket.removeAllListeners('data');
  socket.on('data', discard);
  socket.resume();
  socket.end(() => lingering.begin());
}

/** A connection that has said its last word. */
class Lingering implements Timed {
  deadline = Infinity;
  place = -1;
  readonly #socket: Duplex;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  begin(): void {
    this.deadline = clock.deadline(lingerTime);
  }

  expire(): void {
    this.#socket.destroy();
  }
}

function discard(): void {
  // Read only so that nothing is left unread.
}

import type { Duplex } from 'node:stream';
import { clock, type Timed } from '../../runtime/deadline-timers.ts';
import type { ClientIntake } from './write-progress.ts';

/** How long a connection that we have ended is still read from, ms. */
const lingerTime = 2_000;

const ending = Symbol('ending');
type Ended = Duplex & { [ending]?: true };

/**
 * Ends a connection so that its last answer arrives: what is written goes out, then a FIN, then
 * what the client still sends is read and thrown away for a while. Closing with unread data would
 * send a reset, and a reset can destroy an answer that the client has not read yet.
 */
export function closeLingering(socket: Duplex, intake: ClientIntake | null = null): void {
  const ended: Ended = socket;
  if (socket.destroyed || ended[ending]) return;
  ended[ending] = true;
  const lingering = new Lingering(socket, intake);
  clock.add(lingering);
  socket.once('close', () => clock.delete(lingering));
  // The parser of this connection gets no more input.
  socket.removeAllListeners('data');
  socket.on('data', discard);
  socket.resume();
  socket.end(() => lingering.begin());
}

/** A connection whose last response has been sent. */
class Lingering implements Timed {
  deadline = clock.deadline(lingerTime);
  place = -1;
  readonly #socket: Duplex;
  readonly #intake: ClientIntake | null;
  #taken: number;

  constructor(socket: Duplex, intake: ClientIntake | null) {
    this.#socket = socket;
    this.#intake = intake;
    this.#taken = intake?.taken ?? 0;
  }

  /** All that was written has gone out. */
  begin(): void {
    this.deadline = clock.deadline(lingerTime);
  }

  expire(): void {
    const intake = this.#intake;
    const isWriting = !this.#socket.writableFinished && intake !== null;
    // A client that takes too little is write_timeout's matter. Where nothing waits for the system, and
    // nothing goes out either, nothing ever will: TLS loses sight of a write when it is reset.
    if (isWriting && (intake.waiting || intake.taken !== this.#taken)) {
      this.#taken = intake.taken;
      this.begin();
    } else this.#socket.destroy();
  }
}

function discard(): void {
  // Read only so that nothing is left unread.
}

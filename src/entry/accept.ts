import net, { type Socket } from 'node:net';
import { ClientSocket, writeAhead } from './client-socket.ts';

/** Rounds of the event loop without a new connection after which the queue counts as empty. */
const quietRounds = 3;
/**
 * A turn of the event loop that took no longer than this, ms, did next to nothing after it looked for
 * connections. Where this process is the last to hold the socket, as when a whole gateway leaves an
 * address that it shares with another, what comes between that look and the close is reset.
 */
const briefTurn = 0.1;
/** A flood of connections may keep a queue filled; no longer than this, ms. */
const drainLimit = 1_000;

/**
 * Connections that may wait while no worker accepts, as when one is being replaced; the kernel takes
 * net.core.somaxconn instead when that is less.
 */
const backlog = 4096;

// oxlint-disable no-underscore-dangle -- node:net has no public names for its handles.

/** A listening socket below node:net. */
interface ListeningHandle {
  /** Called with each connection that was accepted, or with a libuv error number. */
  onconnection?: (error: number, accepted?: AcceptedHandle) => void;
  close(): void;
}

interface AcceptedHandle {
  setNoDelay(on: boolean): void;
}

/** The accepting end of an entry in this worker: several sockets, one stream of connections. */
export class Acceptor {
  readonly #servers: net.Server[] = [];
  readonly #handles: ListeningHandle[] = [];
  readonly #onConnection: (socket: Socket) => void;
  readonly #plain: boolean;
  #accepted = 0;

  /** `plain`: what comes is HTTP itself, without TLS around it. */
  constructor(plain: boolean, onConnection: (socket: Socket) => void) {
    this.#plain = plain;
    this.#onConnection = (socket) => {
      this.#accepted++;
      onConnection(socket);
    };
  }

  /** Begins to accept from a listening handle that was passed on to this process. */
  async listen(handle: unknown): Promise<void> {
    const server = net.createServer(
      { allowHalfOpen: true, noDelay: true, highWaterMark: writeAhead },
      this.#onConnection,
    );
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(handle, backlog, resolve);
    await promise;
    server.off('error', reject);
    // A failed accept (descriptors used up) passes; the others go on.
    server.on('error', () => {});
    this.#servers.push(server);
    const listening = (server as unknown as { _handle: ListeningHandle })._handle;
    this.#handles.push(listening);
    if (this.#plain) this.#takeFrom(listening);
  }

  /**
   * Takes connections before the server makes sockets of them: its sockets cannot be told where to
   * read to, and to make two for each connection costs as much as a request.
   */
  #takeFrom(listening: ListeningHandle): void {
    listening.onconnection = (error, accepted) => {
      if (error < 0 || accepted === undefined) return;
      accepted.setNoDelay(true);
      this.#onConnection(new ClientSocket(accepted));
    };
  }

  /**
   * Accepts what the kernel has queued, then no more. The sockets themselves live on in the primary.
   * One connection is accepted per round of the event loop, so the queue is empty when a few rounds
   * brought none; it closes in the same turn, after a brief one.
   */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const began = performance.now();
    let before = began;
    let seen = this.#accepted;
    let quiet = 0;
    const look = (): void => {
      const now = performance.now();
      quiet = this.#accepted === seen ? quiet + 1 : 0;
      seen = this.#accepted;
      const waited = now - began;
      // A machine too busy for so brief a turn is granted longer ones, and better those than none.
      const brief = briefTurn * (1 + waited / 50);
      if ((quiet >= quietRounds && now - before < brief) || waited > drainLimit) {
        this.closeNow();
        resolve();
        return;
      }
      before = now;
      setImmediate(look);
    };
    setImmediate(look);
    return promise;
  }

  closeNow(): void {
    // Before anything else: what a server does to close takes its time, above all the first time.
    for (const handle of this.#handles.splice(0)) handle.close();
    for (const server of this.#servers.splice(0)) server.close();
  }
}

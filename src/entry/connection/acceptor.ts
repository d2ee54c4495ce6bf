import net, { type Socket } from 'node:net';
import { descriptors } from '../../runtime/processes/descriptors.ts';
import {
  type ConnectionTaker,
  setInheritedOptions,
  stopListening,
  takeConnections,
} from '../../runtime/sockets/accepting.ts';
import type { SocketHandle } from '../../runtime/sockets/handles.ts';
import type { DescriptorShortage } from './descriptor-shortage.ts';
import { ClientSocket, writeAhead } from './client-socket.ts';

/** Rounds of the event loop without a new connection after which the queue counts as empty. */
const quietRounds = 3;
/**
 * Longest turn of the event loop, ms, after which the accept queue can be assumed still empty. Where this process is the last to hold the socket, as when a whole gateway leaves an
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

/** How long there may be connections in the queue that are older than the options, ms. */
const settling = 5_000;

/** How connections are accepted. */
export interface AcceptOptions {
  /** Connections carry HTTP without TLS. */
  readonly plain: boolean;
  /** Quiet time before the system asks whether a client is still there, ms; null for never. */
  readonly keepAlive: number | null;
  /** The reaction to a shortage of file descriptors. */
  readonly shortage: DescriptorShortage;
}

/** The accepting end of an entry in this worker: several handles, one stream of connections. */
export class Acceptor implements ConnectionTaker {
  readonly #servers: net.Server[] = [];
  readonly #onConnection: (socket: Socket) => void;
  readonly #options: AcceptOptions;
  #accepted = 0;
  /** performance.now() from which on connections have the options when they come. */
  #inheritsFrom = Infinity;

  constructor(options: AcceptOptions, onConnection: (socket: Socket) => void) {
    this.#options = options;
    this.#onConnection = (socket) => {
      this.#accepted++;
      onConnection(socket);
    };
  }

  /** Begins to accept from a listening handle that was passed on to this process. */
  async listen(handle: unknown): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true, highWaterMark: writeAhead }, (socket) =>
      this.#take(socket),
    );
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(handle, backlog, resolve);
    await promise;
    server.off('error', reject);
    // A failed accept (descriptors used up) passes; the others go on.
    server.on('error', () => this.failed());
    this.#servers.push(server);
    const { keepAlive, plain, shortage } = this.#options;
    shortage.begin();
    if (setInheritedOptions(server, keepAlive)) this.#inheritsFrom = performance.now() + settling;
    if (plain) takeConnections(server, this);
  }

  /** A connection that no socket has been made for. */
  accepted(handle: SocketHandle): void {
    this.#take(new ClientSocket(handle));
  }

  /** The system could not accept a connection. */
  failed(): void {
    this.#options.shortage.failed();
  }

  #take(socket: Socket): void {
    if (this.#inheritsFrom > 0) {
      const { keepAlive } = this.#options;
      socket.setNoDelay(true);
      socket.setKeepAlive(keepAlive !== null, keepAlive ?? 0);
      if (performance.now() > this.#inheritsFrom) this.#inheritsFrom = 0;
    }
    if (descriptors.areShort() && !this.#options.shortage.admit(socket)) return;
    this.#onConnection(socket);
  }

  /**
   * Accepts what the kernel has queued, then no more. The sockets themselves live on in the primary.
   * Each handle accepts one connection per round of the event loop, so the queue is empty when a few
   * rounds brought none; it closes in the same turn, after a brief one.
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
    stopListening(this.#servers.splice(0));
    this.#options.shortage.end();
  }
}

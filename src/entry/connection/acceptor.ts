import net, { type Socket } from 'node:net';
import { descriptors } from '../../runtime/processes/descriptors.ts';
import type { DescriptorShortage } from './descriptor-shortage.ts';
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

/**
 * Whether an accepted connection has the options of the socket that it was accepted from: to set
 * them for each takes five system calls.
 */
const inheritsOptions = process.platform === 'linux';
/** How long there may be connections in the queue that are older than the options, ms. */
const settling = 5_000;

/** A socket below node:net. */
interface Handle {
  setNoDelay(on: boolean): void;
  setKeepAlive(on: boolean, seconds: number): void;
}

interface ListeningHandle extends Handle {
  /** Called with each connection that was accepted, or with a libuv error number. */
  onconnection?: (error: number, accepted?: Handle) => void;
  close(): void;
}

/** How connections are accepted. */
export interface AcceptOptions {
  /** What comes is HTTP itself, without TLS around it. */
  readonly plain: boolean;
  /** Quiet time before the system asks whether a client is still there, ms; null for never. */
  readonly keepAlive: number | null;
  /** What is done when descriptors run out. */
  readonly shortage: DescriptorShortage;
}

/** The accepting end of an entry in this worker: several handles, one stream of connections. */
export class Acceptor {
  readonly #servers: net.Server[] = [];
  readonly #handles: ListeningHandle[] = [];
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
    server.on('error', () => this.#options.shortage.failed());
    this.#servers.push(server);
    const listening = (server as unknown as { _handle: ListeningHandle })._handle;
    this.#handles.push(listening);
    this.#options.shortage.begin();
    if (inheritsOptions) {
      this.#setOptions(listening);
      this.#inheritsFrom = performance.now() + settling;
    }
    if (this.#options.plain) this.#takeFrom(listening);
  }

  #setOptions(handle: Handle): void {
    const { keepAlive } = this.#options;
    handle.setNoDelay(true);
    handle.setKeepAlive(keepAlive !== null, Math.trunc((keepAlive ?? 0) / 1000));
  }

  /**
   * Takes connections before the server makes sockets of them: its sockets cannot be told where to
   * read to, and to make two for each connection costs as much as a request.
   */
  #takeFrom(listening: ListeningHandle): void {
    listening.onconnection = (error, accepted) => {
      if (error < 0 || accepted === undefined) this.#options.shortage.failed();
      else this.#take(new ClientSocket(accepted), accepted);
    };
  }

  #take(socket: Socket, handle = (socket as unknown as { _handle: Handle })._handle): void {
    if (this.#inheritsFrom > 0) {
      this.#setOptions(handle);
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
    // Before anything else: what a server does to close takes its time, above all the first time.
    for (const handle of this.#handles.splice(0)) handle.close();
    for (const server of this.#servers.splice(0)) server.close();
    this.#options.shortage.end();
  }
}

/** A client's connection that never retries, and that tells exactly how an exchange failed. */
import { connect, type Socket } from 'node:net';
import { now } from './clock.ts';
import { whereabouts } from './ownership.ts';
import { type Response, ResponseParser } from './response.ts';

/** How long a client waits for a connection, or for the next byte of an answer, unless told, ms. */
export const usualPatience = 10_000;

/**
 * How a request failed: the connection was `refused`; it was `reset` or came to its end (`eof`)
 * before the first byte of the answer; the answer was `truncated`; it was complete but `wrong` in
 * content or order, or of another `status` than 200, or `5xx`; or nothing came for too long (`hang`).
 */
export type FailureKind =
  | 'refused'
  | 'reset'
  | 'eof'
  | 'truncated'
  | 'wrong'
  | 'status'
  | '5xx'
  | 'hang';

export class Failure extends Error {
  readonly kind: FailureKind;
  readonly at = now();

  constructor(kind: FailureKind, detail: string) {
    super(detail);
    this.kind = kind;
  }
}

/** A failure to connect, with the connection that did not come about. */
export class ConnectFailure extends Failure {
  readonly connection: ClientConnection;

  constructor({ kind, message }: Failure, connection: ClientConnection) {
    super(kind, `while connecting: ${message}`);
    this.connection = connection;
  }
}

export interface Listeners {
  /** The server reset a connection on which nothing was asked. */
  readonly idleReset: (connection: ClientConnection) => void;
  /** The server sent something that nobody asked for. */
  readonly stray: (connection: ClientConnection, detail: string) => void;
}

interface Waiter {
  readonly resolve: (response: Response) => void;
  readonly reject: (failure: Failure) => void;
}

/** Connections on which an answer is awaited, for the hang check. */
const awaited = new Set<ClientConnection>();
setInterval(() => {
  for (const connection of awaited) connection.checkHang();
}, 250).unref();

export class ClientConnection {
  /** The client's port, which names the connection to the kernel. */
  localPort = 0;
  /** When the client asked for the connection. */
  readonly openedAt = now();
  /** Complete answers so far. */
  served = 0;
  readonly #port: number;
  readonly #patience: number;
  readonly #socket: Socket;
  readonly #listeners: Listeners;
  readonly #parser: ResponseParser;
  readonly #waiters: Waiter[] = [];
  /** Since when nothing has come of what is awaited. */
  #silentSince = 0;
  #closing = false;
  /** How the server broke the connection while nothing was asked. */
  #lost: 'eof' | 'reset' | null = null;
  #onOpen: ((failure: Failure | null) => void) | null;

  private constructor(
    port: number,
    patience: number,
    listeners: Listeners,
    onOpen: (failure: Failure | null) => void,
  ) {
    this.#port = port;
    this.#patience = patience;
    this.#listeners = listeners;
    this.#onOpen = onOpen;
    this.#parser = new ResponseParser((response) => this.#answered(response));
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    // Known before the connection is there, for it may be accepted, and its owner killed, before this
    // process hears of it.
    this.#socket.on('connectionAttempt', () => {
      process.nextTick(() => (this.localPort = this.#socket.localPort ?? 0));
    });
    this.#socket.on('connect', () => {
      awaited.delete(this);
      this.#onOpen?.(null);
      this.#onOpen = null;
    });
    this.#socket.on('data', (chunk: Buffer) => this.#received(chunk));
    this.#socket.on('end', () => this.#ended());
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#broken(error.code ?? 'error'));
    this.#silentSince = now();
    awaited.add(this);
  }

  /** Resolves when the connection is established; rejects with a ConnectFailure. */
  static open(port: number, patience: number, listeners: Listeners): Promise<ClientConnection> {
    return new Promise((resolve, reject) => {
      const connection = new ClientConnection(port, patience, listeners, (failure) => {
        if (failure) reject(new ConnectFailure(failure, connection));
        else resolve(connection);
      });
    });
  }

  /** The server has neither announced nor begun to close it, as far as has arrived here. */
  get usable(): boolean {
    return !this.#closing;
  }

  write(bytes: Buffer | string): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /**
   * The next answer, in order; ask for it before writing the request. `onBody` gets the body's bytes
   * as they come, `onHead` is called when the head is there.
   */
  next(
    onBody: ((chunk: Buffer) => void) | null = null,
    onHead: (() => void) | null = null,
  ): Promise<Response> {
    // A client that was about to speak on a new connection cannot know that it should not have.
    const lost = this.#lost;
    if (lost) return Promise.reject(new Failure(lost, 'while nothing was asked'));
    this.#parser.onBody = onBody;
    this.#parser.onHead = onHead;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#silentSince = now();
      awaited.add(this);
    });
  }

  /** The request is still being sent: silence is no hang. */
  stillSending(): void {
    this.#silentSince = now();
  }

  /** Stops reading for a while. */
  restFor(milliseconds: number): void {
    this.#socket.pause();
    setTimeout(() => {
      this.#silentSince = now();
      this.#socket.resume();
    }, milliseconds);
  }

  close(): void {
    this.#closing = true;
    awaited.delete(this);
    this.#socket.destroy();
  }

  checkHang(): void {
    const silence = now() - this.#silentSince;
    if (silence < this.#patience) return;
    const where = whereabouts(this.localPort, this.#port);
    this.#fail('hang', `nothing for ${Math.round(silence)} ms; ${where}`);
  }

  #received(chunk: Buffer): void {
    this.#silentSince = now();
    if (this.#waiters.length === 0) {
      this.#listeners.stray(this, chunk.toString('latin1').slice(0, 200));
      this.close();
      return;
    }
    try {
      this.#parser.feed(chunk);
    } catch (error) {
      this.#fail('wrong', (error as Error).message);
    }
  }

  #answered(response: Response): void {
    const waiter = this.#waiters.shift();
    if (!waiter) {
      this.#listeners.stray(this, `an answer that nobody asked for, status ${response.status}`);
      return;
    }
    this.served += 1;
    if (response.close) this.#closing = true;
    if (this.#waiters.length === 0) awaited.delete(this);
    waiter.resolve(response);
  }

  #ended(): void {
    this.#closing = true;
    this.#parser.end();
    if (this.#waiters.length > 0) this.#fail('eof', 'FIN');
    else {
      this.#lost = 'eof';
      this.close();
    }
  }

  #broken(code: string): void {
    if (this.#onOpen) this.#fail(code === 'ECONNREFUSED' ? 'refused' : 'reset', `connect: ${code}`);
    else if (this.#waiters.length > 0) this.#fail('reset', code);
    else if (!this.#closing) {
      this.#lost = 'reset';
      this.#listeners.idleReset(this);
      this.close();
    }
  }

  /** Everything that was asked and not answered fails; the first of it perhaps midway. */
  #fail(kind: FailureKind, detail: string): void {
    const midway = this.#parser.midway;
    this.close();
    this.#onOpen?.(new Failure(kind, detail));
    this.#onOpen = null;
    for (const [index, waiter] of this.#waiters.splice(0).entries()) {
      const broken = kind === 'reset' || kind === 'eof';
      if (index === 0 && midway && broken) waiter.reject(new Failure('truncated', detail));
      else waiter.reject(new Failure(kind, detail));
    }
  }
}

/** What all kinds of clients have in common: connect, ask, check, count. */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.ts';
import {
  ClientConnection,
  ConnectFailure,
  Failure,
  type FailureKind,
  type Listeners,
  usualPatience,
} from './connection.ts';
import type { Response } from './response.ts';
import type { Tally } from './tally.ts';

export interface Question {
  readonly id: string;
  /** The whole request, unless `send` sends it. */
  readonly bytes: string | Buffer;
  /** Says what is wrong with a 200 answer, or null. */
  readonly check: (response: Response) => string | null;
}

export interface Asking {
  /** Sends the request piece by piece. */
  readonly send?: () => Promise<void>;
  readonly onBody?: (chunk: Buffer) => void;
  /** Latency is that of the head, for answers that are long by themselves. */
  readonly untilHead?: boolean;
}

export class Client {
  readonly kind: string;
  readonly tally: Tally;
  readonly #port: number;
  readonly #patience: number;
  readonly #running: () => boolean;
  readonly #listeners: Listeners;
  #serial = 0;
  readonly #number: number;

  /** `patience`: how long nothing may come before it is a hang, ms. */
  constructor(
    kind: string,
    number: number,
    port: number,
    tally: Tally,
    running: () => boolean,
    patience = usualPatience,
  ) {
    this.kind = kind;
    this.tally = tally;
    this.#port = port;
    this.#patience = patience;
    this.#number = number;
    this.#running = running;
    this.#listeners = {
      idleReset: (connection) => this.#count('idle-reset', 'no request under way', connection),
      stray: (connection, detail) => this.#count('wrong', `stray: ${detail}`, connection),
    };
  }

  get running(): boolean {
    return this.#running();
  }

  /** A name that no other request has. */
  nextId(): string {
    this.#serial += 1;
    return `${this.kind}-${this.#number}-${this.#serial}`;
  }

  /** A new connection; null when it failed, which is counted. */
  async connect(): Promise<ClientConnection | null> {
    try {
      return await ClientConnection.open(this.#port, this.#patience, this.#listeners);
    } catch (error) {
      if (!(error instanceof ConnectFailure)) throw error;
      const { kind, message, connection, at } = error;
      this.#count(kind, message, connection, connection.openedAt, at);
      // A port at which nobody listens would otherwise be asked a thousand times.
      await sleep(100);
      return null;
    }
  }

  /** The connection if it can be used again, or a new one. */
  async reuse(connection: ClientConnection | null): Promise<ClientConnection | null> {
    if (connection?.usable) return connection;
    connection?.close();
    return this.connect();
  }

  /**
   * Thinks for so many milliseconds, then looks, as a real client does, whether a FIN has arrived
   * meanwhile: timers run before the event loop looks at its sockets, immediates run after that.
   */
  async think(min: number, max: number): Promise<void> {
    await sleep(min + Math.random() * (max - min));
    await setImmediate();
  }

  /** Asks one question and counts what comes of it; true when the answer was right. */
  async ask(
    connection: ClientConnection,
    question: Question,
    { send, onBody, untilHead }: Asking = {},
  ): Promise<boolean> {
    let sentAt = now();
    let headAt = 0;
    const coming = connection.next(onBody ?? null, () => (headAt = now()));
    // It may fail while the request is still being sent; it is looked at below.
    coming.catch(() => {});
    if (send) {
      await send();
      sentAt = now();
    } else connection.write(question.bytes);
    return this.settle(connection, question, coming, sentAt, () =>
      untilHead ? headAt - sentAt : now() - sentAt,
    );
  }

  /** Waits for an answer to what has been sent, and counts it. */
  async settle(
    connection: ClientConnection,
    question: Question,
    coming: Promise<Response>,
    sentAt: number,
    latency: () => number = () => now() - sentAt,
  ): Promise<boolean> {
    try {
      const response = await coming;
      judge(response, question);
      this.tally.answered(this.kind, latency());
      return true;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#count(error.kind, error.message, connection, sentAt, error.at);
      return false;
    }
  }

  #count(
    kind: FailureKind | 'idle-reset',
    detail: string,
    { localPort, served, openedAt }: ClientConnection,
    sentAt = now(),
    at = now(),
  ): void {
    this.tally.failed({
      client: this.kind,
      kind,
      detail,
      port: localPort,
      served,
      openedAt,
      sentAt: Math.min(sentAt, at),
      at,
    });
  }
}

function judge(response: Response, { id, check }: Question): void {
  const text = response.body.toString('latin1').slice(0, 300);
  if (response.status >= 500) throw new Failure('5xx', `${response.status}: ${text}`);
  if (response.status !== 200) throw new Failure('status', `${response.status}: ${text}`);
  if (response.id !== null && response.id !== id) {
    throw new Failure('wrong', `the answer of ${response.id} instead of ${id}`);
  }
  const wrong = check(response);
  if (wrong !== null) throw new Failure('wrong', wrong);
}

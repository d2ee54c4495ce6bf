import { randomUUID } from 'node:crypto';
import { type Duplex, duplexPair } from 'node:stream';
import tls from 'node:tls';

/**
 * How long an entry may take to answer itself, ms: a little less than its worker may take to become
 * ready, so that this is what is said. A machine that is short of processor time needs seconds.
 */
const patience = 25_000;

/** A request of an entry to itself: its target cannot be guessed, and it meets no router. */
export class Probe {
  readonly target = `/${randomUUID()}`;
  /** The end that the entry serves. */
  readonly serverSide: Duplex;
  readonly #clientSide: Duplex;
  readonly #answered = Promise.withResolvers<void>();

  constructor() {
    [this.#clientSide, this.serverSide] = duplexPair();
  }

  /** The entry knows why it cannot be answered. */
  fail(error: Error): void {
    this.#answered.reject(error);
  }

  /** Asks; settles when the answer is 204. @throws what went wrong instead. */
  async ask(secure: boolean): Promise<void> {
    const socket = secure
      ? tls.connect({ socket: this.#clientSide, rejectUnauthorized: false })
      : this.#clientSide;
    const { promise, resolve, reject } = this.#answered;
    const timer = setTimeout(() => reject(new Error('no answer in time')), patience);
    let answer = '';
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection closed without an answer')));
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (!answer.includes('\r\n\r\n')) return;
      if (answer.startsWith('HTTP/1.1 204 ')) resolve();
      else reject(new Error(`the answer was ${answer.slice(0, answer.indexOf('\r\n'))}`));
    });
    socket.write(`GET ${this.target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      socket.on('error', () => {});
      socket.destroy();
      this.#clientSide.destroy();
      this.serverSide.destroy();
    }
  }
}

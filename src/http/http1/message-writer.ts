import type { Duplex } from 'node:stream';
import { GatewayError } from '../../errors.ts';
import { SocketWriter } from './socket-writer.ts';

/** Length of a body that is not chunked and whose bytes somebody else counts. */
export const uncounted = Infinity;

/** Puts messages on a connection, one after the other, and frames their bodies. */
export class MessageWriter {
  readonly #writer: SocketWriter;
  /** A head that goes out with the first bytes of its body. */
  #unsent = '';
  #chunked = false;
  /** Bytes that the body still lacks, when it is not chunked. */
  #left = 0;

  constructor(socket: Duplex) {
    this.#writer = new SocketWriter(socket);
  }

  /** Whether whoever writes should wait for the socket's `drain`. */
  get full(): boolean {
    return this.#writer.full;
  }

  /** Whether something written has not gone out. */
  get waiting(): boolean {
    return this.#writer.waiting;
  }

  /** A message whose body, if it has one, is in memory. */
  writeWhole(head: string, body: Buffer | null): void {
    if (body === null) this.#writer.write(head);
    else this.#writer.writeJoined(head, body);
  }

  /**
   * Keeps the head of a message whose body follows, to go out with its first bytes.
   * @param length of the body; undefined for chunks
   */
  begin(head: string, length: number | undefined): void {
    this.#chunked = length === undefined;
    this.#left = length ?? 0;
    this.#unsent = head;
  }

  /** Sends a head that was kept. */
  flush(): void {
    if (this.#unsent === '') return;
    this.#writer.write(this.#unsent);
    this.#unsent = '';
  }

  /**
   * Writes body bytes, which may be lent; false asks to wait for the socket's `drain`.
   * @throws REQUEST_MALFORMED when they are more than announced
   */
  write(chunk: Buffer): boolean {
    // An empty chunk would end the body.
    if (chunk.length === 0) return true;
    const head = this.#unsent;
    this.#unsent = '';
    if (this.#chunked) {
      return this.#writer.writeJoined(`${head}${chunk.length.toString(16)}\r\n`, chunk, '\r\n');
    }
    this.#left -= chunk.length;
    if (this.#left < 0) throw mismatch();
    return this.#writer.writeJoined(head, chunk);
  }

  /** Ends the body. @throws REQUEST_MALFORMED when bytes are missing */
  end(trailers: readonly string[] = []): void {
    if (!this.#chunked) {
      if (this.#left > 0 && this.#left !== uncounted) throw mismatch();
      this.flush();
      return;
    }
    let end = `${this.#unsent}0\r\n`;
    this.#unsent = '';
    for (let i = 0; i < trailers.length; i += 2) end += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
    this.#writer.write(`${end}\r\n`);
  }
}

function mismatch(): GatewayError {
  const reason = 'its body is not of the length that was announced';
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

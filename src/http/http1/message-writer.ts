import type { Socket } from 'node:net';
import { SocketWriter } from './socket-writer.ts';
import { GatewayError } from '../../errors.ts';

/** Puts requests on a connection, one after the other, and frames their bodies. */
export class RequestWriter {
  readonly #writer: SocketWriter;
  /** A head that goes out with the first bytes of its body. */
  #unsent = '';
  #chunked = false;
  /** Bytes that the body still lacks, when its length is known. */
  #left = 0;

  constructor(socket: Socket) {
    this.#writer = new SocketWriter(socket);
  }

  /** Whether something written has not gone out. */
  get waiting(): boolean {
    return this.#writer.waiting;
  }

  /** A request whose body, if it has one, is in memory. */
  writeWhole(head: string, body: Buffer | null): void {
    if (body === null) this.#writer.write(head);
    else this.#writer.writeJoined(head, body);
  }

  /** A request whose body follows; `start` may write its first bytes, which go out with the head. */
  writeHead(head: string, length: number | undefined, start: () => void): void {
    this.#chunked = length === undefined;
    this.#left = length ?? 0;
    this.#unsent = head;
    start();
    this.#flush();
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
      if (this.#left > 0) throw mismatch();
      return;
    }
    let end = `${this.#unsent}0\r\n`;
    this.#unsent = '';
    for (let i = 0; i < trailers.length; i += 2) end += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
    this.#writer.write(`${end}\r\n`);
  }

  #flush(): void {
    if (this.#unsent === '') return;
    this.#writer.write(this.#unsent);
    this.#unsent = '';
  }
}

function mismatch(): GatewayError {
  const reason = 'its body is not of the length that was announced';
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

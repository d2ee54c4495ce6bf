import type { Socket } from 'node:net';
import { GatewayError } from '../errors.ts';

/** Bodies up to this size go out in one piece with the head. */
const joinedBody = 16_384;

/** Puts requests on a connection, one after the other, and frames their bodies. */
export class RequestWriter {
  readonly #socket: Socket;
  #chunked = false;
  /** Bytes that the body still lacks, when its length is known. */
  #left = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** A request whose body, if it has one, is in memory. */
  writeWhole(head: string, body: Buffer | null): void {
    const socket = this.#socket;
    if (body === null) {
      socket.write(head, 'latin1');
    } else if (body.length <= joinedBody) {
      const whole = Buffer.allocUnsafe(head.length + body.length);
      whole.write(head, 'latin1');
      body.copy(whole, head.length);
      socket.write(whole);
    } else {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(body);
      socket.uncork();
    }
  }

  /** A request whose body follows; `start` may write its first bytes, which go out with the head. */
  writeHead(head: string, length: number | undefined, start: () => void): void {
    const socket = this.#socket;
    this.#chunked = length === undefined;
    this.#left = length ?? 0;
    socket.cork();
    socket.write(head, 'latin1');
    start();
    socket.uncork();
  }

  /**
   * Writes body bytes; false asks to wait for the socket's `drain`.
   * @throws REQUEST_MALFORMED when they are more than announced
   */
  write(chunk: Buffer): boolean {
    const socket = this.#socket;
    // An empty chunk would end the body.
    if (chunk.length === 0) return true;
    if (!this.#chunked) {
      this.#left -= chunk.length;
      if (this.#left < 0) throw mismatch();
      return socket.write(chunk);
    }
    socket.cork();
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    socket.write(chunk);
    const accepted = socket.write('\r\n', 'latin1');
    socket.uncork();
    return accepted;
  }

  /** Ends the body. @throws REQUEST_MALFORMED when bytes are missing */
  end(trailers: readonly string[] = []): void {
    if (!this.#chunked) {
      if (this.#left > 0) throw mismatch();
      return;
    }
    let end = '0\r\n';
    for (let i = 0; i < trailers.length; i += 2) end += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
    this.#socket.write(`${end}\r\n`, 'latin1');
  }
}

function mismatch(): GatewayError {
  const reason = 'its body is not of the length that was announced';
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

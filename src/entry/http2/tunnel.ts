import type { Duplex } from 'node:stream';
import type { BodySink, BodySource } from '../../http/body/body.ts';
import type { UpgradedConnection } from '../../http/context.ts';
import { ErrorCode } from '../../http/http2/frames/protocol.ts';
import type { Stream } from '../../http/http2/stream.ts';

/** Passes bytes both ways between a stream and the connection of a node that has left HTTP. */
export class Tunnel implements BodySink {
  readonly #stream: Stream;
  readonly #socket: Duplex;

  /** `incoming`: the client's bytes; null when it sends none. */
  constructor(stream: Stream, incoming: BodySource | null, { socket, head }: UpgradedConnection) {
    this.#stream = stream;
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!stream.write(chunk)) socket.pause();
    });
    socket.on('drain', () => incoming?.resume());
    let ended = false;
    socket.on('end', () => {
      ended = true;
      stream.end();
    });
    socket.on('error', () => stream.reset(ErrorCode.connectError));
    socket.on('close', () => {
      if (!ended) stream.reset(ErrorCode.connectError);
      else if (stream.localEnded) this.sent();
    });
    if (head.length > 0) stream.write(head);
    if (incoming === null) this.end();
    else incoming.start(this);
    socket.resume();
  }

  /** The client takes more. */
  resume(): void {
    this.#socket.resume();
  }

  /** All that came from the node is on its way: what the client may still send goes nowhere. */
  sent(): void {
    if (this.#socket.destroyed) this.#stream.reset(ErrorCode.noError);
  }

  /** The stream is over. */
  close(): void {
    if (!this.#socket.writableEnded || !this.#socket.readableEnded) this.#socket.destroy();
  }

  write(chunk: Buffer): boolean {
    return !this.#socket.writable || this.#socket.write(chunk);
  }

  end(): void {
    this.#socket.end();
  }

  fail(): void {
    this.#socket.destroy();
  }
}

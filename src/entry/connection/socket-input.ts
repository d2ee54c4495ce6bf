import type { Duplex } from 'node:stream';
import { clock } from '../../runtime/deadline-timers.ts';
import { countBodyBytes } from '../../runtime/external-memory.ts';
import { ClientSocket } from './client-socket.ts';

/** A session that receives the events of its connection. */
export interface InputListener {
  /** The first `end` of `bytes` were read; they may be lent. */
  received(bytes: Buffer, end: number): void;
  /** All written bytes have been sent. */
  drained(): void;
  /** The client has ended its side. */
  clientEnded(): void;
  /** The connection has closed. */
  closed(): void;
}

/** The reading end of a client's connection. */
export class SocketInput {
  paused = false;
  /** When bytes came last, in the clock's time. */
  lastAt = clock.now;
  readonly #socket: Duplex;
  readonly #listener: InputListener;

  constructor(socket: Duplex, listener: InputListener) {
    this.#socket = socket;
    this.#listener = listener;
  }

  begin(): void {
    const socket = this.#socket;
    if (socket instanceof ClientSocket) socket.receiver = this.#onBytes;
    // Of a ClientSocket that is what was read before it came here, as while it waited for a slot.
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.resume();
  }

  /** Gives the connection away. */
  release(): void {
    const socket = this.#socket;
    if (socket instanceof ClientSocket) socket.receiver = null;
    // `error` stays heard: whoever has the connection now may have done with it when one comes.
    socket.off('data', this.#onData);
    socket.off('drain', this.#onDrain);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
  }

  pause(): void {
    this.paused = true;
    this.streams(false);
    this.#socket.pause();
  }

  /** `streams`: whether a body is arriving. */
  resume(streams: boolean): void {
    this.paused = false;
    this.streams(streams);
    this.#socket.resume();
  }

  /** Whether a body is arriving. */
  streams(streaming: boolean): void {
    const socket = this.#socket;
    if (socket instanceof ClientSocket) socket.streaming = streaming;
  }

  readonly #onData = (chunk: Buffer): void => {
    countBodyBytes(chunk.length);
    this.#onBytes(chunk, chunk.length);
  };

  readonly #onBytes = (buffer: Buffer, count: number): void => {
    this.lastAt = clock.now;
    this.#listener.received(buffer, count);
  };

  readonly #onDrain = (): void => this.#listener.drained();

  readonly #onEnd = (): void => this.#listener.clientEnded();

  readonly #onError = (): void => void this.#socket.destroy();

  readonly #onClose = (): void => this.#listener.closed();
}

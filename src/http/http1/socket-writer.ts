import type { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import {
  directHandle,
  type DirectWriter,
  takesDirectWrites,
  whenWritten,
} from '../../runtime/sockets/direct-write.ts';
import { writeJoined } from './coalesce.ts';
import { smallPart } from './read-buffer.ts';

/**
 * Writes to a connection. A TCP connection's handle is written to without the stream around it, which
 * would take longer for a small message than the system call: the system nearly always takes the
 * whole message at once, and then there is nothing that a stream would be good for. Whatever the
 * system leaves waits in libuv, before anything that the stream writes later.
 */
export class SocketWriter implements DirectWriter {
  readonly #socket: Duplex;
  readonly #bare: boolean;
  /** Writes that the system has not taken yet. */
  #pending = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
    this.#bare = takesDirectWrites(socket);
  }

  /** Whether whoever writes should wait for the socket's `drain`. */
  get full(): boolean {
    return this.#pending > 0 || this.#socket.writableNeedDrain;
  }

  /** Whether something written has not gone out. */
  get waiting(): boolean {
    return this.#pending > 0 || this.#socket.writableLength > 0;
  }

  /** Writes Latin-1 text; false asks to wait for the socket's `drain`. */
  write(text: string): boolean {
    const socket = this.#socket;
    const handle = this.#bare ? directHandle(socket) : null;
    if (handle === null || socket.writableLength > 0 || socket.writableEnded) {
      return socket.write(text, 'latin1') && this.#pending === 0;
    }
    const result = handle.writeLatin1String(null, text);
    if (result === 0) return true;
    if (typeof result === 'number') this.#fail(result);
    else {
      this.#pending++;
      whenWritten(result, handle, this);
    }
    return false;
  }

  /**
   * Writes a part of a body, which may be lent, with what stands before and behind it (Latin-1), in
   * one go; false asks to wait for the socket's `drain`.
   */
  writeJoined(before: string, part: Buffer, behind = ''): boolean {
    // Joined as text, of a character for each byte, they are copied once more only, by the write.
    if (this.#bare && part.length <= smallPart) {
      return this.write(before + part.toString('latin1') + behind);
    }
    return writeJoined(this.#socket, before, part, behind) && this.#pending === 0;
  }

  /** The system has taken what waited, or never will. */
  ended(status: number): void {
    this.#pending--;
    const socket = this.#socket;
    if (status < 0) this.#fail(status);
    else if (!this.full && !socket.destroyed) socket.emit('drain');
  }

  #fail(status: number): void {
    if (this.#socket.destroyed) return;
    const code = getSystemErrorName(status);
    const error = new Error(`write ${code}`);
    this.#socket.destroy(Object.assign(error, { code, errno: status, syscall: 'write' }));
  }
}

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import { writeJoined } from './coalesce.ts';
import { smallPart } from './read-buffer.ts';

/** A write that the system did not take at once, as node:net knows it. */
interface PendingWrite {
  handle: Handle;
  oncomplete: (this: PendingWrite, status: number) => void;
  /** Set when it has ended before `oncomplete` was there. */
  readonly writeStatus: number | null;
  writer: SocketWriter;
}

/** What node:net writes to: 0, or what went wrong (libuv's number), or the write that waits. */
interface Handle {
  writeLatin1String(request: null, text: string): number | PendingWrite;
}

/** Whether handles make the objects for a write themselves, and only for writes that have to wait. */
const writesBare = triesFirst();

/**
 * Writes to a connection. A TCP connection's handle is written to without the stream around it, which
 * would take longer for a small message than the system call: the system nearly always takes the
 * whole message at once, and then there is nothing that a stream would be good for. Whatever the
 * system leaves waits in libuv, before anything that the stream writes later.
 */
export class SocketWriter {
  readonly #socket: Duplex;
  readonly #bare: boolean;
  /** Writes that the system has not taken yet. */
  #pending = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
    const { encrypted } = socket as Duplex & { encrypted?: boolean };
    this.#bare = writesBare && socket instanceof Socket && encrypted !== true;
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
    const handle = this.#bare ? (socket as Duplex & { _handle: Handle | null })._handle : null;
    if (handle === null || socket.writableLength > 0 || socket.writableEnded) {
      return socket.write(text, 'latin1') && this.#pending === 0;
    }
    const result = handle.writeLatin1String(null, text);
    if (result === 0) return true;
    if (typeof result === 'number') this.#fail(result);
    else this.#wait(result, handle);
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

  #wait(write: PendingWrite, handle: Handle): void {
    this.#pending++;
    write.handle = handle;
    write.writer = this;
    write.oncomplete = taken;
    const { writeStatus } = write;
    // Not before whoever writes has been told to wait.
    if (writeStatus !== null) queueMicrotask(() => this.ended(writeStatus));
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

function taken(this: PendingWrite, status: number): void {
  this.writer.ended(status);
}

/** Lets a socket write to a handle that looks at how it is asked to. */
function triesFirst(): boolean {
  let asked: unknown;
  const handle = {
    writeLatin1String(request: unknown): number {
      asked = request;
      return 0;
    },
    getAsyncId: () => 0,
    readStart: () => 0,
    readStop: () => 0,
    close: () => {},
  };
  try {
    const socket = new Socket({ handle, readable: false } as never);
    socket.on('error', () => {});
    socket.write('?', 'latin1');
    socket.destroy();
  } catch {
    return false;
  }
  return asked === null;
}

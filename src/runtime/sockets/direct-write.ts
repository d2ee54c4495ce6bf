import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { handleOf, socketOptions, type SocketHandle } from './handles.ts';

/** Writes of it wait. */
export interface DirectWriter {
  /** The system has taken what waited, or never will: 0, or what went wrong (libuv's number). */
  ended(status: number): void;
}

/** A write that the system did not take at once. */
export interface PendingWrite {
  handle: DirectHandle;
  oncomplete: (this: PendingWrite, status: number) => void;
  /** Set when it has ended before `oncomplete` was there. */
  readonly writeStatus: number | null;
  writer: DirectWriter;
}

/** What node:net writes to: gives 0, or what went wrong (libuv's number), or the write that waits. */
export interface DirectHandle extends SocketHandle {
  writeLatin1String(request: null, text: string): number | PendingWrite;
}

/** Whether handles make the objects for a write themselves, and only for writes that have to wait. */
export const writesDirectly = triesFirst();

/**
 * Whether text may be written to the socket's handle, past its stream.
 *
 * Relies on: `handle.writeLatin1String(null, text)` tries to write, and makes an object only for a write
 * that waits; found in 26, not in 24. Without it: answers false, and the stream is written to, which
 * costs a small message more than the system call does.
 */
export function takesDirectWrites(socket: Duplex): boolean {
  const { encrypted } = socket as Duplex & { encrypted?: boolean };
  return writesDirectly && socket instanceof Socket && encrypted !== true;
}

/** The handle of such a socket; null once it has closed. */
export function directHandle(socket: Duplex): DirectHandle | null {
  // oxlint-disable-next-line no-underscore-dangle -- as handleOf, which is a call more for each write.
  return (socket as Duplex & { _handle: DirectHandle | null })._handle;
}

/** Has `writer` know when a write that waits is over. */
export function whenWritten(write: PendingWrite, handle: DirectHandle, writer: DirectWriter): void {
  write.handle = handle;
  write.writer = writer;
  write.oncomplete = completed;
  const { writeStatus } = write;
  // Not before whoever writes has been told to wait.
  if (writeStatus !== null) queueMicrotask(() => writer.ended(writeStatus));
}

function completed(this: PendingWrite, status: number): void {
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
    const socket = new Socket(socketOptions(handle, { readable: false }));
    socket.on('error', () => {});
    socket.write('?', 'latin1');
    const isOwn = handleOf(socket) === handle;
    socket.destroy();
    return isOwn && asked === null;
  } catch {
    return false;
  }
}

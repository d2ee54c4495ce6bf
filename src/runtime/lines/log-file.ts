import {
  close,
  constants,
  fstat,
  fstatSync,
  ftruncate,
  openSync,
  read,
  stat,
  write,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { makeFolder } from '../directories.ts';
import { LineBuffer } from './line-buffer.ts';

/** What a log file reports about itself. */
export interface LogFileListener {
  /** It cannot be written; told once, until it can be written again. */
  onFailed(error: unknown): void;
  /** It can be written again. `lost` lines found no room meanwhile. */
  onRecovered(lost: number): void;
}

/** Bytes of lines that may wait for the disk. */
const waitingBytes = 16 << 20;
/** Bytes that are written in one go. */
const batchBytes = 256 << 10;
/** How soon a file that cannot be written is tried again, ms. */
const retryMs = 1000;
/** How often the path is looked at: whether it still leads to the file that is written, ms. */
const lookMs = 1000;
/** How long closing waits for the disk, ms. */
const closeMs = 2000;

/** Troubles that pass, so that a file may be opened later. */
const passing: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EMFILE',
  'ENFILE',
  'EIO',
  'EROFS',
]);

const async = {
  close: promisify(close),
  fstat: promisify(fstat),
  ftruncate: promisify(ftruncate),
  read: promisify(read),
  stat: promisify(stat),
  write: promisify(write),
};

/**
 * A file that lines are appended to, by several processes perhaps. It is written off the event loop;
 * a disk that is full, slow or gone costs lines, which are counted. A file that was moved or removed
 * (log rotation) is made anew.
 */
export class LogFile {
  readonly #path: string;
  readonly #listener: LogFileListener;
  readonly #waiting: LineBuffer;
  #fd: number | null = null;
  /** Of the file that is open: its device and number, or null for a pipe or device. */
  #identity: string | null = null;
  #lookAt = 0;
  #writing = false;
  #failed = false;
  /** A line was begun, and the disk was full. */
  #broken = false;
  #timer: NodeJS.Timeout | null = null;
  #closing: PromiseWithResolvers<void> | null = null;

  /** @throws when the file cannot be opened, for a reason that does not pass by itself */
  constructor(path: string, listener: LogFileListener) {
    this.#path = path;
    this.#listener = listener;
    this.#waiting = new LineBuffer(path, waitingBytes);
    try {
      this.#open();
    } catch (error) {
      if (!passing.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      this.#fail(error);
    }
  }

  /** Appends a line, which ends with a newline. */
  write(line: string): void {
    if (this.#closing !== null) return;
    this.#waiting.add(Buffer.from(line));
    if (!this.#writing && this.#timer === null) void this.#run();
  }

  /** Settles when everything has been written, or cannot be. */
  async close(): Promise<void> {
    if (this.#closing !== null) return this.#closing.promise;
    this.#closing = Promise.withResolvers();
    if (this.#timer !== null) clearTimeout(this.#timer);
    const limit = setTimeout(() => this.#end(), closeMs);
    if (!this.#writing) void this.#run();
    await this.#closing.promise;
    clearTimeout(limit);
  }

  async #run(): Promise<void> {
    this.#writing = true;
    this.#timer = null;
    try {
      while (!this.#waiting.isEmpty) {
        // oxlint-disable-next-line no-await-in-loop -- one write at a time keeps the order
        await this.#writeSome();
      }
      this.#recovered();
    } catch (error) {
      this.#fail(error);
    }
    this.#writing = false;
    if (this.#closing !== null) this.#end();
    else if (!this.#waiting.isEmpty && this.#timer === null) void this.#run();
  }

  async #writeSome(): Promise<void> {
    const fd = await this.#current();
    if (this.#broken) {
      await async.write(fd, '\n');
      this.#broken = false;
    }
    const lines = this.#waiting.peek(batchBytes);
    const { bytesWritten } = await async.write(fd, lines);
    const begun = this.#waiting.remove(bytesWritten);
    if (begun === 0) return;
    if (this.#identity === null) {
      this.#waiting.shorten(begun);
      return;
    }
    await this.#takeBack(fd, this.#waiting.peek(0).subarray(0, begun));
    throw Object.assign(new Error('no space is left for a whole line'), { code: 'ENOSPC' });
  }

  /**
   * The disk was full within a line. What was written of it is taken away again, if it is still the end
   * of the file: else the next line, of another process perhaps, would go on where it ends.
   */
  async #takeBack(fd: number, begun: Buffer): Promise<void> {
    this.#broken = true;
    const { size } = await async.fstat(fd);
    const end = Buffer.alloc(begun.length);
    await async.read(fd, end, 0, end.length, size - end.length);
    if (!end.equals(begun)) return;
    await async.ftruncate(fd, size - begun.length);
    this.#broken = false;
  }

  /** The descriptor of the file that the path leads to now. */
  async #current(): Promise<number> {
    const now = performance.now();
    if (this.#fd !== null && (now < this.#lookAt || this.#identity === null)) return this.#fd;
    const found = await async.stat(this.#path).catch(() => null);
    if (this.#fd === null || found === null || identityOf(found) !== this.#identity) this.#open();
    this.#lookAt = now + lookMs;
    return this.#fd as number;
  }

  #open(): void {
    const before = this.#fd;
    makeFolder(dirname(this.#path));
    const fd = openForAppending(this.#path);
    const found = fstatSync(fd);
    this.#fd = fd;
    this.#identity = found.isFile() ? identityOf(found) : null;
    this.#lookAt = performance.now() + lookMs;
    this.#broken = false;
    if (before !== null) close(before, () => {});
  }

  #fail(error: unknown): void {
    const isFull = (error as NodeJS.ErrnoException).code === 'EAGAIN';
    if (!this.#failed && !isFull) {
      this.#failed = true;
      this.#listener.onFailed(error);
    }
    if (this.#closing !== null) return;
    this.#timer = setTimeout(() => void this.#run(), retryMs).unref();
  }

  #recovered(): void {
    const lost = this.#waiting.takeLost();
    if (!this.#failed && lost === 0) return;
    this.#failed = false;
    this.#listener.onRecovered(lost);
  }

  #end(): void {
    this.#waiting.clear();
    if (this.#fd !== null) close(this.#fd, () => {});
    this.#fd = null;
    this.#closing?.resolve();
  }
}

/** Never waits, as it would for the reader of a named pipe. */
function openForAppending(path: string): number {
  const { O_APPEND, O_CREAT, O_NONBLOCK, O_RDWR, O_WRONLY } = constants;
  const flags = O_APPEND | O_CREAT | O_NONBLOCK;
  try {
    // Read, too: to look at what a full disk has left of a line.
    return openSync(path, flags | O_RDWR, 0o640);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    return openSync(path, flags | O_WRONLY, 0o640);
  }
}

function identityOf({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev}:${ino}`;
}

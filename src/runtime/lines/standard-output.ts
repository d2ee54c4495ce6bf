import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { LineBuffer } from './line-buffer.ts';
import { makeNonBlocking, type NonBlockingHandle } from './non-blocking.ts';

/** Bytes of lines that may wait for a reader. */
const waitingBytes = 1 << 20;
/** Writes to a pipe of no more than this are never split, nor mixed with those of other processes, bytes. */
const atomicBytes = 4096;
/** How soon a destination that takes nothing is tried again: a full pipe, and anything else, ms. */
const retryMs = { full: 50, failed: 1000 };
/** How long the end of the process waits for a reader, ms. */
const lastFlushMs = 250;
/** How long it waits between two tries, ms. */
const flushStepMs = 10;
/** How long a process takes at most from its last message to its end, ms. */
const exitMs = 1000;

/**
 * A process's standard output, for lines. A line is written at once, so that the last one before an
 * exit is not lost; one that the reader does not take waits in memory. No write ever waits for a
 * reader: it goes to a non-blocking descriptor.
 */
export class StandardOutput {
  /** Called when there is room again after lines were lost. */
  onLost: ((count: number) => void) | null = null;
  readonly #waiting = new LineBuffer('stdout', waitingBytes);
  #fd: number;
  #isFile: boolean;
  /** Set where the inherited descriptor itself had to be made non-blocking. */
  #shared: NonBlockingHandle | null;
  #timer: NodeJS.Timeout | null = null;
  /** A line was begun in a file that then took no more. */
  #broken = false;

  constructor(fd = 1) {
    this.#isFile = isRegularFile(fd);
    const own = this.#isFile ? null : reopen(fd);
    this.#fd = own ?? fd;
    this.#shared = this.#isFile || own !== null ? null : makeNonBlocking(fd);
    process.once('exit', () => this.#flush());
  }

  /**
   * Whether child processes must not inherit the descriptor: libuv lets it block again, for all that
   * have it, when it starts a process with it, and Node.js when such a process ends.
   */
  get isShared(): boolean {
    return this.#shared !== null;
  }

  /** Goes on with another descriptor: who read the one before is gone. */
  redirect(fd: number): void {
    this.#isFile = isRegularFile(fd);
    this.#fd = fd;
    this.#shared = this.#isFile ? null : makeNonBlocking(fd);
  }

  /** Writes whole lines. */
  write(text: string): void {
    this.#reportLost();
    const line = Buffer.from(text);
    if (this.#timer === null && this.#waiting.isEmpty && this.#writeAtOnce(line)) return;
    this.#waiting.add(line);
    this.#retryLater(retryMs.full);
  }

  /** To call where a process that has the same descriptor begins, or is about to end. */
  keepNonBlocking(): void {
    const shared = this.#shared;
    if (shared === null) return;
    shared.setBlocking(false);
    let left = exitMs / flushStepMs;
    const timer = setInterval(() => {
      shared.setBlocking(false);
      left--;
      if (left <= 0) clearInterval(timer);
    }, flushStepMs).unref();
  }

  /** Passes on what a child process writes: whole lines, from now until it ends. */
  relay(from: Readable): void {
    let rest = '';
    from.setEncoding('utf8');
    from.on('data', (text: string) => {
      const end = text.lastIndexOf('\n') + 1;
      if (end > 0) this.write(rest + text.slice(0, end));
      rest = end > 0 ? text.slice(end) : rest + text;
      if (rest.length > waitingBytes) rest = '';
    });
    from.once('end', () => {
      if (rest !== '') this.write(`${rest}\n`);
    });
  }

  #writeAtOnce(line: Buffer): boolean {
    if (this.#broken) return false;
    try {
      const written = writeSync(this.#fd, line);
      if (written === line.length) return true;
      this.#waiting.add(line);
      this.#wrote(written);
      this.#retryLater(retryMs.full);
      return true;
    } catch {
      return false;
    }
  }

  readonly #retry = (): void => {
    this.#timer = null;
    const failure = this.#writeWaiting();
    if (failure !== null) this.#retryLater(failure === 'EAGAIN' ? retryMs.full : retryMs.failed);
    this.#reportLost();
  };

  #retryLater(delayMs: number): void {
    this.#timer ??= setTimeout(this.#retry, delayMs).unref();
  }

  /** Writes what waits; answers the code of the error that stopped it, or null. */
  #writeWaiting(): string | null {
    try {
      while (!this.#waiting.isEmpty) {
        const lines = this.#waiting.peek(atomicBytes);
        if (this.#broken) {
          writeSync(this.#fd, '\n');
          this.#broken = false;
        }
        this.#wrote(writeSync(this.#fd, lines));
      }
      return null;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? '';
    }
  }

  #wrote(bytes: number): void {
    const begun = this.#waiting.remove(bytes);
    if (begun === 0) return;
    // A pipe takes the rest later. A file is shared: others may write before there is room again.
    if (this.#isFile) this.#broken = true;
    else this.#waiting.shorten(begun);
  }

  #reportLost(): void {
    const lost = this.#waiting.takeLost();
    if (lost > 0) this.onLost?.(lost);
  }

  #flush(): void {
    const until = performance.now() + lastFlushMs;
    let failure = this.#writeWaiting();
    while (failure === 'EAGAIN' && performance.now() < until) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, flushStepMs);
      failure = this.#writeWaiting();
    }
    this.#reportLost();
  }
}

let output: StandardOutput | null = null;

/** The one of this process. */
export function standardOutput(): StandardOutput {
  output ??= new StandardOutput();
  return output;
}

function isRegularFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}

/**
 * A descriptor of our own for the same pipe or terminal, which does not block; null where there can be
 * none (a socket, a pipe of another user). That flag belongs to the open file, which other programs
 * share, a shell and what else it has started: so the inherited one is left as it is.
 */
function reopen(fd: number): number | null {
  if (process.platform !== 'linux') return null;
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return null;
  }
}

import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names, to a successor, the descriptor of the gateway's standard error. */
const mark = 'EVERGATE_STDERR';
/** That descriptor, in a successor. */
const passedAs = 4;
/** Characters shown from the end of a program's output. */
const shown = 2000;

const given = Number(process.env[mark]);
delete process.env[mark];

/** Descriptor of the gateway's standard error, over all upgrades. */
export const realStderr = given === passedAs && isOpen(given) ? given : 2;

function isOpen(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}

/**
 * A file for a successor's standard error. A program that fails while it loads writes text there, which
 * would mix with the log; from a file it can be reported as the reason. A successor that succeeds keeps
 * the file: the last message of Node.js before a crash is found there.
 */
export class SuccessorErrors {
  readonly #path: string;
  #descriptor: number | null = null;

  /** @param data path.data */
  constructor(data: string) {
    this.#path = join(data, 'upgrade.stderr');
    try {
      this.#descriptor = openSync(this.#path, 'w', 0o600);
    } catch {
      // Then it shares the standard error of this process.
    }
  }

  /** Standard error of the successor, its channel, and the standard error of its workers. */
  get stdio(): (number | 'ipc')[] {
    return [this.#descriptor ?? realStderr, 'ipc', realStderr];
  }

  get environment(): Record<string, string> {
    return this.#descriptor === null ? {} : { [mark]: `${passedAs}` };
  }

  /** The successor has been started. */
  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
  }

  /** The output, in one line. */
  read(): string {
    if (this.#descriptor === null) return '';
    try {
      const text = readFileSync(this.#path, 'utf8').trim();
      return text
        .slice(-shown)
        .split(/\s*\n\s*/)
        .join('; ');
    } catch {
      return '';
    }
  }
}

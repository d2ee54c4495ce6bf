import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Tells a successor by which descriptor it has the standard error of the gateway. */
const mark = 'EVERGATE_STDERR';
/** By which a successor gets it. */
const passedAs = 4;
/** Of what a program has written, this much at the end, characters. */
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
 * Where a successor's standard error goes. A program that fails as it is loaded says so there, as
 * text, which would stand between the lines of the log; from a file it can be told as the reason. One
 * that succeeds keeps the file: what Node.js itself writes when it dies is found there.
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
      // Then it goes where this process's own goes.
    }
  }

  /** Standard error of the successor, its channel, and what its workers have for standard error. */
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

  /** What has been written, in one line. */
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

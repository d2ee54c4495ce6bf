import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { makeFolder } from '../../runtime/directories.ts';

/** Folder for gateways of a service manager or of root. */
const systemFolder = '/run/evergate';

/**
 * Records the control socket of a gateway that was started with certain configuration files. The files
 * alone are not enough: `path.data` in them may have been changed since.
 */
export class InstanceRecord {
  readonly #name: string;
  #file: string | null = null;

  constructor(configPaths: readonly string[]) {
    this.#name = nameFor(configPaths);
  }

  /** Best effort: without a record the gateway is found by `path.data`. */
  write(socket: string): void {
    for (const folder of foldersToWrite()) {
      try {
        makeFolder(folder, 0o755);
        if (!isTrusted(folder)) continue;
        removeLeftOver(folder);
        this.#file = join(folder, this.#name);
        writeFileSync(this.#file, `${process.pid}\n${socket}\n`, { mode: 0o644 });
        return;
      } catch {
        this.#file = null;
      }
    }
  }

  /** Removes the record if it is still this process's. */
  remove(): void {
    if (this.#file === null || read(this.#file)?.pid !== process.pid) return;
    rmSync(this.#file, { force: true });
  }
}

/** Control socket of the gateway that runs with these files; undefined when none is on record. */
export function recordedSocket(configPaths: readonly string[]): string | undefined {
  const name = nameFor(configPaths);
  for (const folder of new Set([...foldersToWrite(), systemFolder])) {
    const record = isTrusted(folder) ? read(join(folder, name)) : null;
    if (record && isAlive(record.pid) && existsSync(record.socket)) return record.socket;
  }
  return undefined;
}

function nameFor(configPaths: readonly string[]): string {
  const paths = configPaths.map((path) => resolve(path)).join('\0');
  return createHash('sha256').update(paths).digest('hex').slice(0, 32);
}

function foldersToWrite(): string[] {
  const { RUNTIME_DIRECTORY: ofService, XDG_RUNTIME_DIR: ofUser } = process.env;
  const user = process.getuid?.();
  if (ofService) return [ofService];
  if (user === undefined) return [];
  if (user === 0) return [systemFolder];
  return [...(ofUser ? [join(ofUser, 'evergate')] : []), join(tmpdir(), `evergate-${user}`)];
}

/** Whether this user or root has created it, and other users cannot write to it. */
function isTrusted(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (!found?.isDirectory() || (found.mode & 0o022) !== 0) return false;
  return folder === systemFolder || found.uid === 0 || found.uid === process.getuid?.();
}

/** Removes the records of gateways that were killed. */
function removeLeftOver(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!/^[\da-f]{32}$/.test(name)) continue;
    const record = read(join(folder, name));
    if (record && !isAlive(record.pid)) rmSync(join(folder, name), { force: true });
  }
}

function read(file: string): { readonly pid: number; readonly socket: string } | null {
  try {
    const [pid = '', socket = ''] = readFileSync(file, 'utf8').split('\n');
    return { pid: Number(pid), socket };
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { GatewayError } from '../../errors.ts';
import { describeFileError } from '../../runtime/directories.ts';

/**
 * Writes this process's id to a file.
 * @param succeeded process id of the gateway that this one replaces
 * @throws ALREADY_RUNNING when the file names a live gateway, PID_FILE_FAILED
 */
export function acquirePidFile(path: string, succeeded?: number): void {
  const pid = readPid(path);
  if (pid && pid !== process.pid && pid !== succeeded && isGateway(pid)) {
    throw new GatewayError('ALREADY_RUNNING', { pid, path });
  }
  // Renamed, so that a reader never sees a part of it.
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, `${process.pid}\n`, { mode: 0o644 });
    renameSync(draft, path);
  } catch (error) {
    throw new GatewayError('PID_FILE_FAILED', { path, reason: describeFileError(error) }, error);
  }
}

/** Removes the file if it is still this process's. */
export function releasePidFile(path: string): void {
  if (readPid(path) === process.pid) rmSync(path, { force: true });
}

function readPid(path: string): number | null {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10) || null;
  } catch {
    return null;
  }
}

/** Whether that process is a live gateway; process ids are reused after a crash. */
function isGateway(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('evergate:');
  } catch {
    return process.platform !== 'linux';
  }
}

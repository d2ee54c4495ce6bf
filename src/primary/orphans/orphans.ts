import { setTimeout as sleep } from 'node:timers/promises';
import { closedMark, workerTitle } from '../../ipc/process-marks.ts';
import type { Log } from '../../log.ts';
import {
  isDead,
  type ProcessIdentity,
  readActivity,
  titleOf,
} from '../workers/process-activity.ts';

/** How long orphans may take to accept queued connections and to close their sockets. */
const closingTimeoutMs = 10_000;

/** Workers that serve without a primary, until this one has workers of its own. */
export class Orphans {
  readonly #workers: readonly ProcessIdentity[];
  #released: Promise<void> | null = null;

  /** @param recorded workers of the primary that has died; some may have ended */
  constructor(recorded: readonly ProcessIdentity[]) {
    this.#workers = recorded.filter(isWorker);
  }

  get count(): number {
    return this.#workers.length;
  }

  /** Drains them; settles when none of them accepts connections any more. */
  release(log: Pick<Log, 'warn'>): Promise<void> {
    this.#released ??= this.#release(log);
    return this.#released;
  }

  /** Settles when none of them is left. */
  async gone(): Promise<void> {
    while (this.#workers.some((worker) => titleOf(worker))) {
      await sleep(50);
    }
  }

  async #release(log: Pick<Log, 'warn'>): Promise<void> {
    // Their ids may have been given out again since they were recorded.
    const left = this.#workers.filter(isWorker);
    for (const { pid } of left) signal(pid, 'SIGTERM');
    const deadline = performance.now() + closingTimeoutMs;
    for (let open = left; open.length > 0; open = open.filter(accepts)) {
      for (const worker of open) {
        const stopped = readActivity(worker.pid)?.state === 'T';
        if (!stopped && performance.now() < deadline) continue;
        log.warn({ pid: worker.pid }, 'a worker without primary does not respond; killing it');
        signal(worker.pid, 'SIGKILL');
      }
      await sleep(20);
    }
  }
}

function isWorker(process: ProcessIdentity): boolean {
  return titleOf(process)?.startsWith(workerTitle) === true;
}

function accepts(worker: ProcessIdentity): boolean {
  const title = titleOf(worker);
  if (title === null || title.endsWith(closedMark)) return false;
  // A dying process has no title any more, but may still hold its sockets.
  return title !== '' || !isDead(worker.pid);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { longestDrainMs } from '../../config/drain-time.ts';
import type { GatewayConfig } from '../../config/types.ts';
import type { Log } from '../../log.ts';
import { OrphanGuard } from './orphan-guard.ts';
import { Orphans } from './orphans.ts';
import type { ProcessIdentity } from '../workers/process-activity.ts';
import type { WorkerHandle } from '../workers/worker-handle.ts';

/** Time that workers get beyond the limits that they keep by themselves. */
const slackMs = 10_000;

/**
 * Records which processes are the workers of this gateway, in case the primary dies: the next primary
 * reads the file in `path.data`, and a guard kills workers that do not end by themselves.
 */
export class WorkerRecord {
  readonly #alive: ReadonlySet<WorkerHandle>;
  readonly #guard = new OrphanGuard();
  #config: GatewayConfig | null = null;
  #ownsFile = false;

  constructor(alive: ReadonlySet<WorkerHandle>) {
    this.#alive = alive;
  }

  /** Keeps the record from now on, as this configuration requires. */
  open(config: GatewayConfig): void {
    if (this.#config === null) this.#ownsFile = true;
    this.#config = config;
    this.update();
  }

  /**
   * Takes the record over from another primary. Workers that are left when that has ended never
   * received `drain`: it has died.
   */
  succeed({ path }: GatewayConfig, gone: Promise<void>, log: Log): void {
    const left = orphansIn(path.data);
    void gone.then(() => {
      this.update();
      return left.release(log);
    });
  }

  /** Workers have started or ended. */
  update(): void {
    if (!this.#config) return;
    const workers = Array.from(this.#alive, ({ identity }) => identity);
    if (this.#ownsFile) write(pathIn(this.#config.path.data), workers);
    const { supervision } = this.#config;
    this.#guard.watch(
      workers,
      supervision.orphan_timeout + longestDrainMs(this.#config, 'stopping') + slackMs,
    );
  }

  /** Leaves the file to another primary. */
  leaveFile(): void {
    this.#ownsFile = false;
  }

  close(): void {
    this.#guard.close();
    if (this.#ownsFile && this.#config) rmSync(pathIn(this.#config.path.data), { force: true });
    this.#config = null;
  }
}

/**
 * Workers of a primary that has died. They serve until they are released, which happens at once when
 * they hold a port that cannot be shared.
 */
export async function findOrphans(config: GatewayConfig, log: Log): Promise<Orphans> {
  const orphans = orphansIn(config.path.data);
  if (orphans.count === 0) return orphans;
  log.warn(`a primary has died; taking over from ${orphans.count} workers of it`);
  const sharesAll = config.entry.every(({ network }) => network.reuse_port);
  if (!sharesAll) await orphans.release(log);
  return orphans;
}

/** Recorded workers; while a primary runs, these are its own. @param data path.data */
export function orphansIn(data: string): Orphans {
  try {
    const found = JSON.parse(readFileSync(pathIn(data), 'utf8')) as unknown;
    return new Orphans(Array.isArray(found) ? (found as ProcessIdentity[]) : []);
  } catch {
    return new Orphans([]);
  }
}

function pathIn(data: string): string {
  return join(data, 'workers.json');
}

function write(path: string, workers: readonly ProcessIdentity[]): void {
  try {
    writeFileSync(`${path}.new`, JSON.stringify(workers), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // A full disk must not prevent a worker from being replaced.
  }
}

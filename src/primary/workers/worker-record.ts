import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { longestDrainMs } from '../../config/drain-time.ts';
import type { GatewayConfig } from '../../config/types.ts';
import type { Log } from '../../log.ts';
import { OrphanGuard } from './orphan-guard.ts';
import { Orphans } from './orphans.ts';
import type { ProcessIdentity } from './process-activity.ts';
import type { WorkerHandle } from './worker-handle.ts';

/** How long workers get beyond the times that they keep by themselves, ms. */
const SLACK = 10_000;

/**
 * Makes known which processes are the workers of this gateway, for when the primary dies: a file in
 * `path.data` tells the primary that comes next, and a guard ends workers that do not end by themselves.
 */
export class WorkerRecord {
  readonly #alive: ReadonlySet<WorkerHandle>;
  readonly #guard = new OrphanGuard();
  #config: GatewayConfig | null = null;
  #ownsFile = false;

  constructor(alive: ReadonlySet<WorkerHandle>) {
    this.#alive = alive;
  }

  /** From now on keeps the record by this configuration. */
  open(config: GatewayConfig): void {
    if (this.#config === null) this.#ownsFile = true;
    this.#config = config;
    this.update();
  }

  /**
   * Takes the record over from another primary. Workers that are left when that has gone were not told
   * to drain: it has died.
   */
  succeed({ path }: GatewayConfig, gone: Promise<void>, log: Log): void {
    const left = orphansIn(path.data);
    void gone.then(() => {
      this.update();
      return left.release(log);
    });
  }

  /** Workers have come or gone. */
  update(): void {
    if (!this.#config) return;
    const workers = Array.from(this.#alive, ({ identity }) => identity);
    if (this.#ownsFile) write(pathIn(this.#config.path.data), workers);
    const { supervision } = this.#config;
    this.#guard.watch(
      workers,
      supervision.orphan_timeout + longestDrainMs(this.#config, 'stopping') + SLACK,
    );
  }

  /** The file is another primary's from now on. */
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
 * Workers that a primary which has died left behind. They serve until they are released; those that
 * hold a port which they do not share are released at once.
 */
export async function findOrphans(config: GatewayConfig, log: Log): Promise<Orphans> {
  const orphans = orphansIn(config.path.data);
  if (orphans.count === 0) return orphans;
  log.warn(`a primary has died; taking over from ${orphans.count} workers of it`);
  const sharesAll = config.entry.every(({ network }) => network.reuse_port);
  if (!sharesAll) await orphans.release(log);
  return orphans;
}

/** Recorded workers, where there is no primary; with one they are its own. @param data path.data */
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
    // A full disk keeps no worker from being replaced.
  }
}

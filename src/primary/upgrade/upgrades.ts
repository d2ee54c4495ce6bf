import { longestDrainMs } from '../../config/drain-time.ts';
import { reasonOf } from '../../errors.ts';
import { initMark } from '../../ipc/process-marks.ts';
import type { Log } from '../../log.ts';
import type { ActiveGeneration } from '../active-generation.ts';
import type { InstanceLock } from '../instance/instance-lock.ts';
import type { Generation } from '../generation.ts';
import { installedProgram } from './installed-program.ts';
import type { Listeners } from '../sockets/listeners.ts';
import { slotLimits } from '../../shared-limits/primary/slot-limits.ts';
import { aborted } from '../workers/draining-workers.ts';
import type { Pool } from '../workers/pool.ts';
import type { ReloadHistory } from '../reload/history.ts';
import { ReloadDraft, type ReloadRecord } from '../reload/record.ts';
import type { Reloads } from '../reload/reloads.ts';
import type { WorkerRecord } from '../orphans/worker-record.ts';
import { inspectPool } from '../status/status.ts';
import { Successor } from './successor.ts';
import { protocol } from './messages.ts';
import { version } from '../../package.ts';

export interface UpgradeDependencies {
  readonly log: Log;
  readonly pool: Pool;
  readonly listeners: Listeners;
  readonly history: ReloadHistory;
  readonly active: ActiveGeneration;
  readonly reloads: Reloads;
  readonly instanceLock: InstanceLock;
  readonly workerRecord: WorkerRecord;
  /** Aborted when the gateway stops. */
  readonly stop: AbortSignal;
}

/** Time of a failed successor's connections beyond the longest drain.timeout. */
const drainSlackMs = 10_000;

const firstProcess =
  'as the first process of its container this gateway cannot be replaced: the container ends with it; start a container with the new version, or run the gateway under an init';

/**
 * Replaces the program: the installed one starts beside this one, takes over the listening sockets and
 * starts its workers; then this one drains. One at a time, and never during a reload.
 */
export class Upgrades {
  /** The process that has replaced this one. */
  successor: Successor | null = null;
  /** The successor has control socket and pid file: it is time to drain and go. */
  onHandedOver: (() => void) | null = null;
  readonly #dependencies: UpgradeDependencies;
  #underway: Promise<ReloadRecord> | null = null;
  #waitingSince: Date | null = null;
  /** Settles when the last successor that failed has ended. */
  #failed: Promise<void> = Promise.resolve();

  constructor(dependencies: UpgradeDependencies) {
    this.#dependencies = dependencies;
  }

  /** Requests an upgrade, or joins the one under way; settles with its outcome, does not throw. */
  request(): Promise<ReloadRecord> {
    this.#underway ??= this.#perform().finally(() => {
      this.#underway = null;
    });
    return this.#underway;
  }

  /** The upgrade that waits for the previous generation to drain, or null. */
  get waiting(): { trigger: 'upgrade'; since: string } | null {
    return this.#waitingSince && { trigger: 'upgrade', since: this.#waitingSince.toISOString() };
  }

  /** Settles when every process of an upgrade that failed has ended. */
  async settled(): Promise<void> {
    await this.#underway;
    await this.#failed;
  }

  /** Drains the workers that the successor has replaced; settles when none is left. */
  drainFor(successor: Successor): Promise<void> {
    const { pool } = this.#dependencies;
    const gone = pool.drainAll('replaced');
    void pool.draining.settled().then(() => successor.send({ type: 'only-streams' }));
    return gone;
  }

  async #perform(): Promise<ReloadRecord> {
    const { log, pool, reloads, stop } = this.#dependencies;
    if (process.pid === 1 || process.env[initMark])
      return this.#refuse(this.#draft(), firstProcess);
    const stopped = aborted(stop);
    for (;;) {
      const { number } = this.#dependencies.active.running;
      if (isHeld(pool, number)) {
        log.info('an upgrade waits for the previous generation to drain');
        this.#waitingSince ??= new Date();
        pool.draining.predecessor?.endStreams();
      }
      const predecessorGone = pool.draining.predecessor?.gone ?? Promise.resolve();
      const drained = [pool.draining.drained(number, stop), predecessorGone, this.#failed];
      await Promise.race([Promise.all(drained), stopped]);
      const record = await reloads.inTurn(() =>
        isHeld(pool, this.#dependencies.active.running.number) && !stop.aborted
          ? Promise.resolve(null)
          : this.#attempt(),
      );
      if (!record) continue;
      this.#waitingSince = null;
      return record;
    }
  }

  async #attempt(): Promise<ReloadRecord> {
    const { log, pool, listeners, history, stop } = this.#dependencies;
    const draft = this.#draft();
    const generation = this.#dependencies.active.running;
    let successor: Successor | null = null;
    try {
      stop.throwIfAborted();
      successor = new Successor(installedProgram(), generation.config.path.data, pool.leases, {
        inspect: () => inspectPool(pool),
        // Until the hand-over the successor decides on its own workers only.
        stop: () => void (this.successor && pool.drainAll('stopping')),
        endStreams: () => {
          for (const worker of pool.draining) worker.endStreams();
        },
        killNow: () => {
          if (this.successor) pool.killAll();
        },
      });
      const { pid } = successor;
      log.info({ pid }, 'upgrading: the installed program starts');
      const { bound } = listeners;
      const handOff = {
        protocol,
        version,
        generation: generation.number,
        sockets: bound.reduce((sum, { sockets }) => sum + sockets.length, 0),
        reloads: history.all,
        ticketKeys: Buffer.from(pool.ticketKeys).toString('base64'),
        data: generation.config.path.data,
      };
      successor.handOff(handOff, bound);
      await this.#inTime(successor.ready, generation);
      this.#leaveTo(successor);
      const record = await this.#inTime(successor.tookOver, generation);
      this.successor = successor;
      log.info({ pid }, `process ${pid} has taken over; this one drains`);
      this.onHandedOver?.();
      return record;
    } catch (error) {
      pool.onWorkerGone = null;
      pool.leases.setLimits(slotLimits(generation.config));
      if (successor) await this.#giveUp(successor, generation);
      return this.#refuse(draft, reasonOf(error));
    }
  }

  /** The point of no return for the successor, which adds the counts of this one to its own. */
  #leaveTo(successor: Successor): void {
    const { pool } = this.#dependencies;
    const { all: totals, nodes } = pool.totals;
    successor.send({ type: 'take-over', totals, nodes });
    pool.onWorkerGone = (counts) => successor.send({ type: 'worker-gone', ...counts });
  }

  async #inTime<T>(promise: Promise<T>, { readyTimeoutMs }: Generation): Promise<T> {
    const { stop } = this.#dependencies;
    // Its own limit for a worker is shorter, and its error is more specific.
    const timeoutMs = 2 * readyTimeoutMs;
    const late = AbortSignal.timeout(timeoutMs);
    const broken = aborted(AbortSignal.any([stop, late])).then(() => {
      stop.throwIfAborted();
      throw new Error(`the new program was not ready within ${timeoutMs / 1000} s`);
    });
    return Promise.race([promise, broken]);
  }

  async #giveUp(successor: Successor, { config }: Generation): Promise<void> {
    successor.terminate(longestDrainMs(config, 'stopping') + drainSlackMs);
    this.#failed = successor.gone;
    await this.#restore(successor);
  }

  /** Takes back the lock that the successor may have acquired. */
  async #restore({ pid }: Successor): Promise<void> {
    const { log, instanceLock, workerRecord } = this.#dependencies;
    try {
      await instanceLock.restore(pid);
      workerRecord.update();
    } catch (error) {
      log.error({ error }, 'the control socket or the pid file cannot be restored');
    }
  }

  #refuse(draft: ReloadDraft, reason: string): ReloadRecord {
    const { log, history } = this.#dependencies;
    const record = draft.finish('refused', [reason]);
    history.add(record);
    log.error({ trigger: 'upgrade', took: record.took }, `upgrade refused: ${reason}`);
    return record;
  }

  #draft(): ReloadDraft {
    return new ReloadDraft('upgrade', this.#dependencies.active.running.number + 1);
  }
}

/** A third program starts only after the first has ended: two can share their limits, three cannot. */
function isHeld({ draining }: Pool, generation: number): boolean {
  const { predecessor } = draining;
  return draining.holds(generation) || (predecessor !== null && !predecessor.isGone);
}

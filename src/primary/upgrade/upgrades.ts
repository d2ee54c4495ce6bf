import { longestDrainMs } from '../../config/drain-time.ts';
import { reasonOf } from '../../errors.ts';
import { initMark } from '../../ipc/process-marks.ts';
import type { Log } from '../../log.ts';
import { DrainAccount } from '../reload/drain-stats.ts';
import type { Generation } from '../generation.ts';
import { installedProgram } from './installed-program.ts';
import type { Listeners } from '../sockets/listeners.ts';
import { permitLimits } from '../../shared-limits/primary/slot-limits.ts';
import { aborted, type Pool } from '../workers/pool.ts';
import type { ReloadHistory, ReloadRecord } from '../reload/record.ts';
import type { Reloads } from '../reload/reloads.ts';
import { inspectPool } from '../status/status.ts';
import { Successor } from './successor.ts';
import { protocol } from './messages.ts';
import { version } from '../../package.ts';

/** What an upgrade works on. */
export interface UpgradeGround {
  readonly log: Log;
  readonly pool: Pool;
  readonly listeners: Listeners;
  readonly history: ReloadHistory;
  readonly reloads: Reloads;
  /** Aborted when the gateway stops. */
  readonly stop: AbortSignal;
  running(): Generation;
  /** The successor has taken control socket and pid file: it is time to drain and go. */
  handedOver(successor: Successor): void;
  /** The successor failed: takes back what it may have taken. */
  restore(successor: Successor): Promise<void>;
}

/** What the successor's connections get beyond the longest drain.timeout when it fails, ms. */
const SLACK = 10_000;

const firstProcess =
  'as the first process of its container this gateway cannot be replaced: the container ends with it; start a container with the new version, or run the gateway under an init';

/**
 * Replaces the program: the installed one starts beside this one, inherits the listening sockets and
 * proves itself; then this one drains. One at a time, and never during a reload.
 */
export class Upgrades {
  /** Who has taken this primary's place. */
  successor: Successor | null = null;
  readonly #ground: UpgradeGround;
  #underway: Promise<ReloadRecord> | null = null;
  #waitingSince: Date | null = null;
  /** Settles when the last successor that failed has ended. */
  #failed: Promise<void> = Promise.resolve();

  constructor(ground: UpgradeGround) {
    this.#ground = ground;
  }

  /** Asks for an upgrade, or joins the one under way; settles with its outcome, does not throw. */
  request(): Promise<ReloadRecord> {
    this.#underway ??= this.#perform().finally(() => {
      this.#underway = null;
    });
    return this.#underway;
  }

  /** The upgrade that waits for the generation before to have drained, or null. */
  get waiting(): { trigger: 'upgrade'; since: string } | null {
    return this.#waitingSince && { trigger: 'upgrade', since: this.#waitingSince.toISOString() };
  }

  /** Settles when no process that was started for an upgrade is left, but one that succeeded. */
  async settled(): Promise<void> {
    await this.#underway;
    await this.#failed;
  }

  /** Drains the workers that another primary has replaced; settles when none is left. */
  drainFor(successor: Successor): Promise<void> {
    const { pool } = this.#ground;
    const gone = pool.drainAll('replaced');
    void pool.settled().then(() => successor.send({ type: 'only-streams' }));
    return gone;
  }

  async #perform(): Promise<ReloadRecord> {
    const { log, pool, reloads, stop } = this.#ground;
    if (process.pid === 1 || process.env[initMark]) return this.#refuse(new Date(), firstProcess);
    const stopped = aborted(stop);
    for (;;) {
      const { number } = this.#ground.running();
      if (isHeld(pool, number)) {
        log.info('an upgrade waits for the generation before to have drained');
        this.#waitingSince ??= new Date();
        pool.predecessor?.endStreams();
      }
      const predecessorGone = pool.predecessor?.gone ?? Promise.resolve();
      const drained = [pool.drained(number, stop), predecessorGone, this.#failed];
      // oxlint-disable no-await-in-loop -- one after the other is the point
      await Promise.race([Promise.all(drained), stopped]);
      const record = await reloads.inTurn(() =>
        isHeld(pool, this.#ground.running().number) && !stop.aborted
          ? Promise.resolve(null)
          : this.#attempt(),
      );
      // oxlint-enable no-await-in-loop
      if (!record) continue;
      this.#waitingSince = null;
      return record;
    }
  }

  async #attempt(): Promise<ReloadRecord> {
    const { log, pool, listeners, history, stop } = this.#ground;
    const startedAt = new Date();
    const generation = this.#ground.running();
    let successor: Successor | null = null;
    try {
      stop.throwIfAborted();
      successor = new Successor(installedProgram(), generation.config.path.data, pool.permits, {
        inspect: () => inspectPool(pool),
        // One that has yet to take this one's place decides on its own workers alone.
        stop: () => void (this.successor && pool.drainAll('stopping')),
        endStreams: () => {
          for (const worker of pool.draining.keys()) worker.endStreams();
        },
        endAtOnce: () => {
          if (this.successor) pool.killAll();
        },
      });
      const { pid } = successor;
      log.info({ pid }, 'upgrading: the installed program starts');
      const { held } = listeners;
      const inheritance = {
        protocol,
        version,
        generation: generation.number,
        sockets: held.reduce((sum, { sockets }) => sum + sockets.length, 0),
        reloads: history.all,
        ticketKeys: Buffer.from(pool.ticketKeys).toString('base64'),
        data: generation.config.path.data,
      };
      successor.bequeath(inheritance, held);
      await this.#inTime(successor.proved, generation);
      this.#leaveTo(successor);
      const record = await this.#inTime(successor.taken, generation);
      this.successor = successor;
      log.info({ pid }, `the gateway goes on as process ${pid}; this one drains`);
      this.#ground.handedOver(successor);
      return record;
    } catch (error) {
      pool.onWorkerGone = null;
      pool.permits.setLimits(permitLimits(generation.config));
      if (successor) await this.#giveUp(successor, generation);
      return this.#refuse(startedAt, reasonOf(error));
    }
  }

  /** The point of no return for the successor: from here on, counts are added to its. */
  #leaveTo(successor: Successor): void {
    const { pool } = this.#ground;
    const { all: totals, nodes } = pool.totals;
    successor.send({ type: 'take-over', totals, nodes });
    pool.onWorkerGone = (told) => successor.send({ type: 'worker-gone', ...told });
  }

  async #inTime<T>(promise: Promise<T>, { readyTimeout }: Generation): Promise<T> {
    const { stop } = this.#ground;
    // Its own limit for a worker comes first, and says more.
    const patience = 2 * readyTimeout;
    const late = AbortSignal.timeout(patience);
    const broken = aborted(AbortSignal.any([stop, late])).then(() => {
      stop.throwIfAborted();
      throw new Error(`the new program was not ready within ${patience / 1000} s`);
    });
    return Promise.race([promise, broken]);
  }

  async #giveUp(successor: Successor, { config }: Generation): Promise<void> {
    successor.giveUp(longestDrainMs(config, 'stopping') + SLACK);
    this.#failed = successor.gone;
    await this.#ground.restore(successor).catch((error: unknown) => {
      this.#ground.log.error({ error }, 'control socket or pid file are lost');
    });
  }

  #refuse(startedAt: Date, reason: string): ReloadRecord {
    const { log, history } = this.#ground;
    const record: ReloadRecord = {
      generation: this.#ground.running().number + 1,
      trigger: 'upgrade',
      startedAt: startedAt.toISOString(),
      took: Date.now() - startedAt.getTime(),
      result: 'refused',
      problems: [reason],
      warnings: [],
      drain: new DrainAccount(),
      workers: [],
    };
    history.add(record);
    log.error({ trigger: 'upgrade', took: record.took }, `upgrade refused: ${reason}`);
    return record;
  }
}

/** A third program does not start before the first has ended: two share their limits, three cannot. */
function isHeld(pool: Pool, generation: number): boolean {
  return pool.holds(generation) || (pool.predecessor !== null && !pool.predecessor.isGone);
}

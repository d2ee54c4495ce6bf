import { isDeepStrictEqual } from 'node:util';
import { reasonOf } from '../../errors.ts';
import { slotLimits } from '../../shared-limits/primary/slot-limits.ts';
import type { ActiveGeneration } from '../active-generation.ts';
import type { ConfigurationLoader } from '../configuration-loader.ts';
import type { RejectedConfiguration } from '../configuration-source.ts';
import type { Systemd } from '../control/systemd.ts';
import type { Candidate, Generation } from '../generation.ts';
import type { Listeners } from '../sockets/listeners.ts';
import type { Pool } from '../workers/pool.ts';
import type { ReloadHistory } from './history.ts';
import {
  isExplicit,
  ReloadDraft,
  type ReloadRecord,
  type ReloadResult,
  type ReloadTrigger,
} from './record.ts';
import { Rollout } from './rollout.ts';

type Outcome = readonly [result: ReloadResult, problems: readonly string[]];

export interface ReloadDependencies {
  readonly loader: ConfigurationLoader;
  readonly listeners: Listeners;
  readonly pool: Pool;
  readonly active: ActiveGeneration;
  readonly history: ReloadHistory;
  readonly systemd: Systemd;
  /** Aborted when the gateway stops. */
  readonly stop: AbortSignal;
}

/**
 * One reload: load, plan, roll out, then commit or abandon. The running generation serves on
 * through all of it, whatever fails.
 */
export class Reload {
  readonly #running: Generation;
  readonly #draft: ReloadDraft;
  readonly #dependencies: ReloadDependencies;

  constructor(trigger: ReloadTrigger, running: Generation, dependencies: ReloadDependencies) {
    this.#running = running;
    this.#draft = new ReloadDraft(trigger, running.number + 1);
    this.#dependencies = dependencies;
  }

  /**
   * Does not throw.
   * @returns null when workers of a previous generation still drain, and nothing was changed
   */
  async run(): Promise<ReloadRecord | null> {
    try {
      return await this.#perform();
    } catch (error) {
      return this.#report('refused', [reasonOf(error)]);
    }
  }

  async #perform(): Promise<ReloadRecord | null> {
    const { pool, active, systemd, stop } = this.#dependencies;
    const loaded = await this.#load();
    // The gateway's end is in the log already.
    if (stop.aborted) return this.#draft.finish('refused', ['the gateway is stopping']);
    if (!loaded.ok) return this.#report('refused', loaded.problems);
    if (!isExplicit(this.#draft.trigger) && this.#runsAlready(loaded)) return this.#skip();
    if (pool.draining.holds(this.#running.number)) return null;
    systemd.reloading();
    const [result, problems] = await this.#change(loaded);
    void systemd.ready(active.running.number);
    return this.#report(result, problems);
  }

  async #change(candidate: Candidate): Promise<Outcome> {
    let next: Generation;
    try {
      next = await this.#plan(candidate);
    } catch (error) {
      return ['refused', [reasonOf(error)]];
    }
    let rollout: Rollout;
    try {
      rollout = await this.#rollOut(next);
    } catch (error) {
      return this.#abandon(next, error);
    }
    this.#commit(next);
    await rollout.drainReplaced();
    return ['done', []];
  }

  async #load(): Promise<Candidate | RejectedConfiguration> {
    const loaded = await this.#dependencies.loader.load();
    this.#draft.warnings.push(...loaded.warnings);
    return loaded;
  }

  /** Binds the sockets that the next generation adds. @throws BIND_FAILED */
  async #plan(candidate: Candidate): Promise<Generation> {
    const { listeners, active } = this.#dependencies;
    const plan = await listeners.plan(candidate.config, candidate.workers);
    this.#draft.warnings.push(...plan.warnings);
    return active.next(candidate, plan);
  }

  /** Settles when every worker runs the next generation. @throws WORKER_NOT_READY, ROLLOUT_FAILED */
  async #rollOut(next: Generation): Promise<Rollout> {
    const { pool, stop } = this.#dependencies;
    pool.setSlotLimits(slotLimits(next.config));
    const rollout = new Rollout(this.#running, next, pool, this.#draft, stop);
    await rollout.replaceWorkers();
    return rollout;
  }

  /** Closes sockets that are no longer used; workers that still drain keep theirs. */
  #commit(next: Generation): void {
    const { listeners, active } = this.#dependencies;
    listeners.commit(next.plan);
    active.activate(next);
  }

  /** The rollout has put back what it had replaced. */
  #abandon({ plan }: Generation, error: unknown): Outcome {
    const { listeners, pool } = this.#dependencies;
    pool.setSlotLimits(slotLimits(this.#running.config));
    listeners.abandon(plan);
    const isUntouched = this.#draft.workers.length === 0;
    return [isUntouched ? 'refused' : 'rolled-back', [reasonOf(error)]];
  }

  #runsAlready({ config, credentials }: Candidate): boolean {
    const running = this.#running;
    return (
      isDeepStrictEqual(config, running.config) &&
      isDeepStrictEqual(credentials.entries, running.credentials.entries)
    );
  }

  /** Reported only when it takes back a change that was refused, or has a new warning. */
  #skip(): ReloadRecord {
    const { last } = this.#dependencies.history;
    const record = this.#draft.finish('unchanged', []);
    if (last === undefined) return record;
    const isKnown = isDeepStrictEqual(last.warnings, record.warnings);
    if (isKnown && (last.result === 'done' || last.result === 'unchanged')) return record;
    return this.#report('unchanged', []);
  }

  #report(...[result, problems]: Outcome): ReloadRecord {
    const record = this.#draft.finish(result, problems);
    this.#dependencies.history.report(record);
    return record;
  }
}

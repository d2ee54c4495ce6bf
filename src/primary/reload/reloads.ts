import { isDeepStrictEqual } from 'node:util';
import { reasonOf } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { DrainAccount } from './drain-stats.ts';
import type { Generation } from '../generation.ts';
import type { Listeners, ListenerPlan } from '../sockets/listeners.ts';
import { permitLimits } from '../../shared-limits/primary/slot-limits.ts';
import type { Pool } from '../workers/pool.ts';
import type { ReloadHistory, ReloadRecord, ReloadTrigger, SlotTiming } from './record.ts';
import { rollOut } from './rollout.ts';
import type { Candidate } from '../candidate.ts';

/** What a reload works on. */
export interface ReloadGround {
  readonly log: Log;
  readonly pool: Pool;
  readonly listeners: Listeners;
  readonly history: ReloadHistory;
  /** Aborted when the gateway stops. */
  readonly stop: AbortSignal;
  /** Reads the configuration as this gateway would run it. */
  load(): Promise<Candidate>;
  /** The next generation, for a configuration that was just loaded. */
  next(loaded: Candidate, plan: ListenerPlan): Generation;
  /** Worker slots that a configuration asks for. */
  workersOf(loaded: Candidate): number;
  running(): Generation;
  /** Workers are about to be replaced. */
  began(): void;
  /** They have been, or the gateway is as it was. */
  ended(): void;
  /** `generation` is in force from now on. */
  installed(generation: Generation): void;
}

/** A reload that was asked for: everyone who asks before it begins joins it. */
interface Batch {
  readonly trigger: ReloadTrigger;
  readonly askers: readonly ((record: ReloadRecord) => void)[];
}

/** Reloads, one after the other; each waits until those before have only streams to finish. */
export class Reloads {
  readonly #ground: ReloadGround;
  #batch: Batch | null = null;
  #working = false;
  #waitingSince: Date | null = null;
  /** Settles when nothing changes the gateway any more. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Called when somebody asks. */
  #asked: () => void = () => {};

  constructor(ground: ReloadGround) {
    this.#ground = ground;
  }

  /** Asks for a reload; settles with its outcome, and does not throw. */
  request(trigger: ReloadTrigger): Promise<ReloadRecord> {
    const { promise, resolve } = Promise.withResolvers<ReloadRecord>();
    this.#join({ trigger, askers: [resolve] });
    this.#asked();
    if (!this.#working) void this.#work();
    return promise;
  }

  /** Does something that must not happen during a reload, nor a reload during it. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** The reload that waits for the generation before to have drained, or null. */
  get waiting(): { trigger: ReloadTrigger; since: string } | null {
    if (!this.#waitingSince || !this.#batch) return null;
    return { trigger: this.#batch.trigger, since: this.#waitingSince.toISOString() };
  }

  #join({ trigger, askers }: Batch): void {
    const before = this.#batch;
    // Files may come out unchanged; who asks explicitly gets a reload in any case.
    this.#batch = {
      trigger: before && isExplicit(before.trigger) ? before.trigger : trigger,
      askers: [...(before?.askers ?? []), ...askers],
    };
  }

  async #work(): Promise<void> {
    this.#working = true;
    while (this.#batch) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
      const { batch, record } = await this.inTurn(() => this.#performNext());
      if (record) {
        for (const tell of batch.askers) tell(record);
      } else {
        this.#join(batch);
        // oxlint-disable-next-line no-await-in-loop
        await this.#wait();
      }
    }
    this.#working = false;
  }

  async #performNext(): Promise<{ batch: Batch; record: ReloadRecord | null }> {
    const batch = this.#batch;
    if (!batch) throw new Error('nobody asked for a reload');
    // Who asks from here on may want something newer than what is about to be read.
    this.#batch = null;
    return { batch, record: await this.#perform(batch.trigger) };
  }

  /** Until the generation before has drained, or until somebody asks for something newer still. */
  async #wait(): Promise<void> {
    const { log, pool, stop } = this.#ground;
    const { number } = this.#ground.running();
    if (!this.#waitingSince) log.info('a reload waits for the generation before to have drained');
    this.#waitingSince ??= new Date();
    const asked = new Promise<void>((resolve) => {
      this.#asked = resolve;
    });
    await Promise.race([pool.drained(number, stop), asked]);
    if (!pool.holds(number)) this.#waitingSince = null;
  }

  /** The outcome, or null when the generation before has yet to drain. */
  async #perform(trigger: ReloadTrigger): Promise<ReloadRecord | null> {
    const running = this.#ground.running();
    const attempt = new Attempt(trigger, running.number + 1);
    try {
      return await this.#try(attempt, running);
    } catch (error) {
      // Nothing that is expected; all the same the next reload must find its turn.
      return this.#tell(attempt.end('refused', [reasonOf(error)]));
    }
  }

  async #try(attempt: Attempt, running: Generation): Promise<ReloadRecord | null> {
    const { pool, history, stop } = this.#ground;
    const loaded = await this.#ground.load();
    attempt.warnings.push(...loaded.warnings);
    if (stop.aborted) return attempt.end('refused', ['the gateway is stopping']);
    if (!loaded.config) return this.#tell(attempt.end('refused', loaded.problems));
    if (!isExplicit(attempt.trigger) && runsAlready(loaded, running)) {
      const record = attempt.end('unchanged', []);
      // Said only when it takes back a change that was refused, or has a new warning.
      const { result, warnings } = history.last ?? record;
      const known = isDeepStrictEqual(warnings, record.warnings);
      return known && (result === 'done' || result === 'unchanged') ? record : this.#tell(record);
    }
    if (pool.holds(running.number)) return null;
    this.#ground.began();
    const record = await this.#change(attempt, loaded);
    this.#ground.ended();
    return this.#tell(record);
  }

  async #change(attempt: Attempt, loaded: Candidate): Promise<ReloadRecord> {
    const { pool, listeners, stop } = this.#ground;
    const from = this.#ground.running();
    let plan: ListenerPlan;
    try {
      if (!loaded.config) throw new Error('no configuration');
      plan = await listeners.plan(loaded.config, this.#ground.workersOf(loaded));
    } catch (error) {
      return attempt.end('refused', [reasonOf(error)]);
    }
    attempt.warnings.push(...plan.warnings);
    const to = this.#ground.next(loaded, plan);
    pool.setPermitLimits(permitLimits(to.config));
    const commit = (): void => {
      listeners.commit(plan);
      this.#ground.installed(to);
    };
    try {
      const { workers: timings, drain: account } = attempt;
      await rollOut({ from, to, pool, stop, commit, timings, account });
      return attempt.end('done', []);
    } catch (error) {
      pool.setPermitLimits(permitLimits(from.config));
      listeners.abandon(plan);
      const untouched = attempt.workers.length === 0;
      return attempt.end(untouched ? 'refused' : 'rolled-back', [reasonOf(error)]);
    }
  }

  #tell(record: ReloadRecord): ReloadRecord {
    const { log, history } = this.#ground;
    const { generation, trigger, took, problems, warnings, workers } = record;
    const again = isDeepStrictEqual(history.last?.problems, problems) && trigger === 'files';
    history.add(record);
    for (const warning of warnings) log.warn({ generation }, warning);
    if (record.result === 'done') {
      log.info({ generation, trigger, took, workers }, 'reloaded');
    } else if (record.result === 'unchanged') {
      log.info({ trigger }, 'the configuration is the one that runs');
    } else if (!again) {
      const what = record.result === 'refused' ? 'reload refused' : 'reload rolled back';
      log.error({ generation, trigger, took }, `${what}: ${problems.join('\n')}`);
    }
    return record;
  }
}

/** Whether somebody asked for it, rather than something that may have come out unchanged. */
function isExplicit(trigger: ReloadTrigger): boolean {
  return trigger !== 'files' && trigger !== 'renewal';
}

function runsAlready({ config, credentials }: Candidate, running: Generation): boolean {
  return (
    isDeepStrictEqual(config, running.config) &&
    isDeepStrictEqual(credentials.entries, running.credentials.entries)
  );
}

/** A record in the making. */
class Attempt {
  readonly warnings: string[] = [];
  readonly workers: SlotTiming[] = [];
  readonly drain = new DrainAccount();
  readonly trigger: ReloadTrigger;
  readonly #generation: number;
  readonly #startedAt = new Date();

  constructor(trigger: ReloadTrigger, generation: number) {
    this.trigger = trigger;
    this.#generation = generation;
  }

  end(result: ReloadRecord['result'], problems: readonly string[]): ReloadRecord {
    return {
      generation: this.#generation,
      trigger: this.trigger,
      startedAt: this.#startedAt.toISOString(),
      took: Date.now() - this.#startedAt.getTime(),
      result,
      problems,
      warnings: this.warnings,
      workers: this.workers,
      drain: this.drain,
    };
  }
}

import type { Log } from '../../log.ts';
import { isExplicit, type ReloadRecord, type ReloadTrigger } from './record.ts';
import { Reload, type ReloadDependencies } from './reload.ts';

/** A reload that was requested: every request before it begins joins it. */
interface Batch {
  readonly trigger: ReloadTrigger;
  readonly callers: readonly ((record: ReloadRecord) => void)[];
}

/** Runs reloads one after the other; each waits until those before have only streams to finish. */
export class Reloads {
  readonly #dependencies: ReloadDependencies;
  readonly #log: Log;
  #batch: Batch | null = null;
  #isRunning = false;
  #waitingSince: Date | null = null;
  /** Settles when nothing changes the gateway any more. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Called with every request. */
  #onRequest: () => void = () => {};

  constructor(dependencies: ReloadDependencies, log: Log) {
    this.#dependencies = dependencies;
    this.#log = log;
  }

  /** Requests a reload; settles with its outcome, and does not throw. */
  request(trigger: ReloadTrigger): Promise<ReloadRecord> {
    const { promise, resolve } = Promise.withResolvers<ReloadRecord>();
    this.#join({ trigger, callers: [resolve] });
    this.#onRequest();
    if (!this.#isRunning) void this.#runAll();
    return promise;
  }

  /** Runs a task that must not overlap with a reload. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** The reload that waits for the previous generation to drain, or null. */
  get waiting(): { trigger: ReloadTrigger; since: string } | null {
    if (!this.#waitingSince || !this.#batch) return null;
    return { trigger: this.#batch.trigger, since: this.#waitingSince.toISOString() };
  }

  #join({ trigger, callers }: Batch): void {
    const joined = this.#batch;
    // Files may come out unchanged; an explicit request gets a reload in any case.
    this.#batch = {
      trigger: joined && isExplicit(joined.trigger) ? joined.trigger : trigger,
      callers: [...(joined?.callers ?? []), ...callers],
    };
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    while (this.#batch) {
      const isDone = await this.inTurn(() => this.#runNext());
      if (!isDone) await this.#waitForDrain();
    }
    this.#isRunning = false;
  }

  /** @returns false when the reload must wait */
  async #runNext(): Promise<boolean> {
    const batch = this.#batch;
    if (!batch) return true;
    // A request from here on may want something newer than the files that are about to be read.
    this.#batch = null;
    const { running } = this.#dependencies.active;
    const record = await new Reload(batch.trigger, running, this.#dependencies).run();
    if (record) for (const settle of batch.callers) settle(record);
    else this.#join(batch);
    return record !== null;
  }

  /** Until the previous generation has drained, or until a newer configuration is requested. */
  async #waitForDrain(): Promise<void> {
    const { pool, active, stop } = this.#dependencies;
    const { number } = active.running;
    if (!this.#waitingSince) {
      this.#log.info('a reload waits for the previous generation to drain');
    }
    this.#waitingSince ??= new Date();
    const requested = new Promise<void>((resolve) => {
      this.#onRequest = resolve;
    });
    await Promise.race([pool.draining.drained(number, stop), requested]);
    if (!pool.draining.holds(number)) this.#waitingSince = null;
  }
}

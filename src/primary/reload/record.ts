import type { DrainReport } from '../../ipc/messages.ts';

/** How long one slot took to change over. */
export interface SlotTiming {
  readonly slot: number;
  readonly pid: number;
  /** From fork to ready, ms. */
  readonly took: number;
}

/**
 * The reason for a change; `renewal`: a generated certificate is about to expire; `upgrade`: another
 * program replaces this one.
 */
export type ReloadTrigger = 'start' | 'signal' | 'control' | 'files' | 'renewal' | 'upgrade';

/** Whether a person asked for it. Other triggers do nothing when the configuration is unchanged. */
export function isExplicit(trigger: ReloadTrigger): boolean {
  return trigger !== 'files' && trigger !== 'renewal';
}

/**
 * `done`: every worker runs the new configuration. `unchanged`: files were written, to the same
 * effect. `refused`: nothing was touched. `rolled-back`: workers that were replaced were put back.
 */
export const reloadResults = ['done', 'unchanged', 'refused', 'rolled-back'] as const;
export type ReloadResult = (typeof reloadResults)[number];

/** One change of the configuration, as log and status report it. */
export interface ReloadRecord {
  /** The generation it made, or would have made. */
  readonly generation: number;
  readonly trigger: ReloadTrigger;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Milliseconds. */
  readonly took: number;
  readonly result: ReloadResult;
  /** Why it failed, each problem with its place. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** Workers that were replaced, in order. */
  readonly workers: readonly SlotTiming[];
  /** How the replaced workers' connections have ended so far. */
  readonly drain: DrainTotals;
}

/** How the connections of the workers that one change replaced have ended so far. */
export interface DrainTotals extends DrainReport {
  /** Workers that have gone. */
  readonly workers: number;
  /** Those of them that ended before they had drained, and reported nothing. */
  readonly broken: number;
}

/** Adds up the reports of drained workers. */
export class DrainStats implements DrainTotals {
  workers = 0;
  broken = 0;
  answered = 0;
  quiet = 0;
  forced = 0;

  add(report: DrainReport | null): void {
    this.workers++;
    if (!report) {
      this.broken++;
      return;
    }
    this.answered += report.answered;
    this.quiet += report.quiet;
    this.forced += report.forced;
  }
}

/** The record of a change that is under way. */
export class ReloadDraft {
  readonly trigger: ReloadTrigger;
  readonly warnings: string[] = [];
  readonly workers: SlotTiming[] = [];
  readonly drain = new DrainStats();
  readonly #generation: number;
  readonly #startedAt = new Date();

  constructor(trigger: ReloadTrigger, generation: number) {
    this.trigger = trigger;
    this.#generation = generation;
  }

  /** Milliseconds so far. */
  get took(): number {
    return Date.now() - this.#startedAt.getTime();
  }

  finish(result: ReloadResult, problems: readonly string[] = []): ReloadRecord {
    return {
      generation: this.#generation,
      trigger: this.trigger,
      startedAt: this.#startedAt.toISOString(),
      took: this.took,
      result,
      problems,
      warnings: this.warnings,
      workers: this.workers,
      drain: this.drain,
    };
  }
}

import type { DrainTotals } from './drain-stats.ts';

/** How long one slot took to change over. */
export interface SlotTiming {
  readonly slot: number;
  readonly pid: number;
  /** From fork to ready, ms. */
  readonly took: number;
}

/**
 * What asked for a change; `renewal`: a generated certificate is about to expire; `upgrade`: another
 * program takes this one's place.
 */
export type ReloadTrigger = 'start' | 'signal' | 'control' | 'files' | 'renewal' | 'upgrade';

/**
 * `done`: every worker runs the new configuration. `unchanged`: files were written, to the same
 * effect. `refused`: nothing was touched. `rolled-back`: workers that were replaced were put back.
 */
export const reloadResults = ['done', 'unchanged', 'refused', 'rolled-back'] as const;
export type ReloadResult = (typeof reloadResults)[number];

/** One change of the configuration, as log and status tell it. */
export interface ReloadRecord {
  /** The generation it made, or would have made. */
  readonly generation: number;
  readonly trigger: ReloadTrigger;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Milliseconds. */
  readonly took: number;
  readonly result: ReloadResult;
  /** Everything that speaks against it, each with its place. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  /** Workers that were replaced, in order. */
  readonly workers: readonly SlotTiming[];
  /** How the replaced workers' connections have ended so far. */
  readonly drain: DrainTotals;
}

/** The first generation's, once its workers serve. */
export function startRecord({
  startedAt,
  workers,
  ...rest
}: Pick<ReloadRecord, 'generation' | 'trigger' | 'warnings' | 'drain'> & {
  readonly startedAt: Date;
  readonly workers: readonly Pick<SlotTiming, 'slot' | 'pid'>[];
}): ReloadRecord {
  const took = Date.now() - startedAt.getTime();
  return {
    ...rest,
    startedAt: startedAt.toISOString(),
    took,
    result: 'done',
    problems: [],
    workers: workers.map(({ slot, pid }) => ({ slot, pid, took })),
  };
}

/** The last changes, newest last. */
export class ReloadHistory {
  readonly #records: ReloadRecord[] = [];
  /** Changes since this process began, by result. */
  readonly counts: Record<ReloadResult, number> = {
    done: 0,
    unchanged: 0,
    refused: 0,
    'rolled-back': 0,
  };

  /** Goes on from what another primary recorded. */
  inherit(records: readonly ReloadRecord[]): void {
    this.#records.unshift(...records);
  }

  add(record: ReloadRecord): void {
    this.counts[record.result]++;
    this.#records.push(record);
    if (this.#records.length > 20) this.#records.shift();
  }

  get last(): ReloadRecord | undefined {
    return this.#records.at(-1);
  }

  get all(): readonly ReloadRecord[] {
    return this.#records;
  }
}

import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../../log.ts';
import type { ReloadRecord, ReloadResult } from './record.ts';

/** Records kept. */
const maxRecords = 20;

/** The last changes, and the log lines about them. */
export class ReloadHistory {
  readonly #log: Log;
  readonly #records: ReloadRecord[] = [];
  /** Changes since this process began, by result. */
  readonly counts: Record<ReloadResult, number> = {
    done: 0,
    unchanged: 0,
    refused: 0,
    'rolled-back': 0,
  };

  constructor(log: Log) {
    this.#log = log;
  }

  /** Puts the records of the primary that this one replaces first. */
  inherit(records: readonly ReloadRecord[]): void {
    this.#records.unshift(...records);
  }

  add(record: ReloadRecord): void {
    this.counts[record.result]++;
    this.#records.push(record);
    if (this.#records.length > maxRecords) this.#records.shift();
  }

  /** Adds a reload, and logs its outcome. */
  report(record: ReloadRecord): void {
    const log = this.#log;
    const { generation, trigger, took, problems, warnings, workers } = record;
    const isRepeated = isDeepStrictEqual(this.last?.problems, problems) && trigger === 'files';
    this.add(record);
    for (const warning of warnings) log.warn({ generation }, warning);
    if (record.result === 'done') {
      log.info({ generation, trigger, took, workers }, 'reloaded');
    } else if (record.result === 'unchanged') {
      log.info({ trigger }, 'the configuration is unchanged');
    } else if (!isRepeated) {
      const outcome = record.result === 'refused' ? 'reload refused' : 'reload rolled back';
      log.error({ generation, trigger, took }, `${outcome}: ${problems.join('\n')}`);
    }
  }

  /** Newest last. */
  get all(): readonly ReloadRecord[] {
    return this.#records;
  }

  get last(): ReloadRecord | undefined {
    return this.#records.at(-1);
  }
}

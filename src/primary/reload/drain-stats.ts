import type { DrainReport } from '../../ipc/messages.ts';

/** How the connections of the workers that one reload replaced have ended so far. */
export interface DrainTotals extends DrainReport {
  /** Workers that have gone. */
  readonly workers: number;
  /** Of these, workers that ended before they had drained, and so could not tell. */
  readonly broken: number;
}

/** Adds up what drained workers report. */
export class DrainAccount implements DrainTotals {
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

/** What one entry has served since the gateway began. */
export interface EntryTotals {
  readonly entry: string;
  /** Requests. */
  readonly total: number;
  /** Connections refused over max_concurrency. */
  readonly refused: number;
}

/** Counts of the workers that have gone, so that the gateway's do not begin anew with each worker. */
export class Totals {
  readonly #entries = new Map<string, EntryTotals>();

  add(counts: readonly EntryTotals[]): void {
    for (const { entry, total, refused } of counts) {
      const before = this.of(entry);
      this.#entries.set(entry, {
        entry,
        total: before.total + total,
        refused: before.refused + refused,
      });
    }
  }

  of(entry: string): EntryTotals {
    return this.#entries.get(entry) ?? { entry, total: 0, refused: 0 };
  }

  get all(): EntryTotals[] {
    return [...this.#entries.values()];
  }
}

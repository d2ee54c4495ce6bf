/** A limit that holds over all workers: so much in each interval, for each of its keys. */
export interface LimitSpec {
  /** The same over reloads, for as long as the limit stands in the same place. */
  readonly id: string;
  readonly max: number;
  /** What may be had in one interval after others in which less was used; at least `max`. */
  readonly most: number;
  /** Milliseconds. */
  readonly interval: number;
}

export type LimitToWorker =
  /**
   * So much may be spent until `until` (in `sharedNow` time). 0: nothing of the size that was asked
   * for is left.
   */
  | {
      readonly type: 'limit-granted';
      readonly id: string;
      readonly key: string;
      readonly count: number;
      readonly window: number;
      readonly until: number;
    }
  /** Another worker needs it: give back what is not spent. */
  | { readonly type: 'limit-recalled'; readonly id: string; readonly key: string };

export type LimitToPrimary =
  /** Asks for at least `need`, better `want`; always answered. */
  | {
      readonly type: 'limit-wanted';
      readonly spec: LimitSpec;
      readonly key: string;
      readonly need: number;
      readonly want: number;
    }
  /** Not spent in that window. */
  | {
      readonly type: 'limit-returned';
      readonly id: string;
      readonly key: string;
      readonly window: number;
      readonly count: number;
    };

const origin = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now();

/** Milliseconds of a clock that never jumps and is the same for all processes of this machine. */
export function sharedNow(): number {
  return origin + performance.now();
}

import type { SlotLimit } from '../../shared-limits/primary/slot-limits.ts';
import type { PredecessorInspection } from './messages.ts';

/** The primary that this one replaced, until its last worker has drained. */
export interface DrainingPrimary {
  readonly isGone: boolean;
  /** Settles when it has ended. */
  readonly gone: Promise<void>;
  /** Whether its workers have only streams left, or it has ended. */
  readonly hasOnlyStreams: boolean;
  /** Settles when that is so. */
  readonly settled: Promise<void>;
  addLimits(limits: readonly SlotLimit[]): void;
  /** Its workers end the streams that they have left. */
  endStreams(): void;
  /** The gateway stops. */
  stop(): void;
  /** Null when it does not answer in time. */
  inspect(): Promise<PredecessorInspection | null>;
  /** It kills its workers, and ends. */
  killNow(): void;
}

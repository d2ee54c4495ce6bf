import type { ClusterInspection } from '../../ipc/cluster-state.ts';
import type { DrainReport } from '../../ipc/messages.ts';
import type { LeaseRequest, LeaseReturn, LeaseToHolder } from '../../shared-limits/messages.ts';
import type { SlotLimit } from '../../shared-limits/primary/slot-limits.ts';
import type { ReloadRecord } from '../reload/record.ts';
import type { DrainingStatus } from '../status/types.ts';
import type { EntryTotals, NodeTotals } from '../status/counters.ts';

/** Marks the environment of a successor; removed before it starts workers. */
export const successorMark = 'EVERGATE_SUCCEEDS';

/**
 * Of the messages below. They travel between two versions of the program, as JSON: a change that the
 * other version would not understand takes another number, and then the upgrade is refused.
 */
export const protocol = 3;

/** State that a primary hands off to its successor, beside the sockets. */
export interface HandOff {
  readonly protocol: number;
  /** Of the program that hands it off. */
  readonly version: string;
  readonly generation: number;
  /** That many `socket` messages follow. */
  readonly sockets: number;
  readonly reloads: readonly ReloadRecord[];
  /** Keys of TLS session tickets, one after the other, the newest first, base64; secret. */
  readonly ticketKeys: string;
  /** Its path.data as it runs. Absent in older versions. */
  readonly data?: string;
}

/** One bound socket; its handle comes with the message. */
export interface SocketDescription {
  /** Names the configured address. */
  readonly key: string;
  /** As bound. */
  readonly host: string;
  readonly port: number;
  readonly reusePort: boolean;
}

/** State of the workers that a primary still drains. */
export interface PredecessorInspection {
  readonly entries: readonly (EntryTotals & {
    readonly connections: number;
    readonly requests: number;
  })[];
  readonly draining: readonly DrainingStatus[];
  /** By worker. Absent in older versions. */
  readonly clusters?: readonly (readonly ClusterInspection[])[];
}

/** From the old primary to the new one. */
export type ToSuccessor =
  /** Of slots. */
  | LeaseToHolder
  | { readonly type: 'inheritance'; readonly inheritance: HandOff }
  /** In the order of their slots. */
  | { readonly type: 'socket'; readonly socket: SocketDescription }
  /** From here on there is no way back: take the control socket and the pid file. */
  | {
      readonly type: 'take-over';
      readonly totals: readonly EntryTotals[];
      /** Absent in older versions. */
      readonly nodes?: readonly NodeTotals[];
    }
  /** Handed over: the workers that drain have only streams to finish. */
  | { readonly type: 'only-streams' }
  /** Handed over: one of the workers that drain has ended. */
  | {
      readonly type: 'worker-gone';
      readonly drain: DrainReport | null;
      readonly totals: readonly EntryTotals[];
      readonly nodes?: readonly NodeTotals[];
    }
  | {
      readonly type: 'inspection';
      readonly id: number;
      readonly inspection: PredecessorInspection;
    };

/** From the new primary to the old one. */
export type ToPredecessor =
  | LeaseRequest
  | LeaseReturn
  /** The configuration is read; its limits hold for the connections of both. */
  | { readonly type: 'limits'; readonly limits: readonly SlotLimit[] }
  /** Every worker serves. */
  | { readonly type: 'proved' }
  /** Control socket and pid file are taken: drain and go. */
  | { readonly type: 'taken'; readonly version: string; readonly record: ReloadRecord }
  | { readonly type: 'failed'; readonly reason: string }
  | { readonly type: 'inspect'; readonly id: number }
  /** The gateway stops: connections get the time that they get then. */
  | { readonly type: 'stop' }
  | { readonly type: 'end-streams' }
  /** Kill the workers. */
  | { readonly type: 'end-at-once' };

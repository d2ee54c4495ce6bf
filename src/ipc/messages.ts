import type { DrainCause } from '../config/drain-time.ts';
import type { GatewayConfig } from '../config/types.ts';
import type { EntryCredentials } from '../tls/credentials.ts';
import type { LeaseToHolder, LeaseToKeeper } from '../shared-limits/messages.ts';
import type { RequestTally } from './request-statistics.ts';
import type { RejectionTally } from './rejections.ts';
import type { ClusterInspection, ClusterObservation } from './cluster-state.ts';

/** Name, HMAC key and AES key of a TLS session ticket, together. */
export const ticketKeyBytes = 48;

/** Everything that a worker needs to start. */
export interface WorkerAssignment {
  /**
   * Of the program that the primary runs. Another one may have been installed since, and its workers
   * would not understand the rest.
   */
  readonly version: string;
  /** Index in the pool, from 0; a replacement takes the slot of the worker that it replaces. */
  readonly slot: number;
  /** Workers of this generation. */
  readonly workers: number;
  readonly generation: number;
  readonly config: GatewayConfig;
  /** Certificates and keys of its entries with TLS, by entry; secret. */
  readonly credentials: Readonly<Record<string, EntryCredentials>>;
  /** Keys of TLS session tickets, one after the other, the newest first; secret. */
  readonly ticketKeys: Uint8Array;
  /** Listening handles that will follow, one `socket` message each. */
  readonly handles: number;
  /** The latest observations of clusters. */
  readonly observations: readonly ClusterObservation[];
  /** Descriptor of its log when the primary, which relays it, has died; null for no change. */
  readonly ownOutput: number | null;
  /** Interval of its signs of life, ms; 0 for none. */
  readonly beatMs: number;
}

/** Primary to worker. */
export type ToWorker =
  | LeaseToHolder
  | { readonly type: 'start'; readonly assignment: WorkerAssignment }
  /**
   * Carries a handle of a listening socket; several messages may carry handles of the same socket. `id`
   * identifies it for as long as the primary holds it.
   */
  | { readonly type: 'socket'; readonly entry: string; readonly id: number }
  /**
   * Stop accepting, answer what is there, exit when the last connection has gone. May come again to
   * a worker that drains because it was replaced, when the gateway stops.
   */
  | { readonly type: 'drain'; readonly cause: DrainCause }
  /** Draining: end WebSockets, event streams and long transfers now. */
  | { readonly type: 'end-streams' }
  /** The keys of TLS session tickets have changed. */
  | { readonly type: 'ticket-keys'; readonly keys: Uint8Array }
  /** Whether this worker monitors the clusters: checks their nodes and discovers their topology. */
  | { readonly type: 'observe'; readonly on: boolean }
  /** An observation of the worker that monitors the clusters. */
  | { readonly type: 'cluster-observed'; readonly observation: ClusterObservation }
  /** To the worker that monitors the clusters: check now. */
  | { readonly type: 'cluster-check'; readonly cluster: string }
  | { readonly type: 'inspect'; readonly id: number }
  | { readonly type: 'pong' };

/** Worker to primary. */
export type ToPrimary =
  | LeaseToKeeper
  /** Message handlers are in place. */
  | { readonly type: 'online' }
  /** A sign of life: the event loop turns. */
  | { readonly type: 'beat'; readonly memory: number }
  /** Answered by `pong` while the primary responds. */
  | { readonly type: 'ping' }
  /** Its progress until it is ready, in words. */
  | { readonly type: 'progress'; readonly doing: string }
  /** Every entry is listening, its flows are built, and a request to itself was answered. */
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly code: string; readonly reason: string }
  /** It received TERM, and serves on until the primary has replaced it and sends `drain`. */
  | { readonly type: 'leaving' }
  /** Draining, it has accepted what was queued, and accepts nothing more. */
  | { readonly type: 'closed-to-new' }
  /** Draining, it has only tunnels and long requests left. */
  | { readonly type: 'only-streams' }
  | { readonly type: 'cluster-observed'; readonly observation: ClusterObservation }
  /** Requests to that cluster have failed: check it now. */
  | { readonly type: 'cluster-check-wanted'; readonly cluster: string }
  | { readonly type: 'inspection'; readonly id: number; readonly inspection: WorkerInspection }
  /** The last connection has gone; with the worker's counts as they stay. */
  | {
      readonly type: 'drained';
      readonly drain: DrainReport;
      readonly entries: readonly EntryInspection[];
      readonly clusters: readonly ClusterInspection[];
      readonly lostLines: LostLines;
    };

/** Log lines that were lost, by destination: `stdout`, or a file. */
export type LostLines = Readonly<Record<string, number>>;

export interface EntryInspection {
  readonly entry: string;
  /** Connections open now. */
  readonly connections: number;
  /** Requests under way now. */
  readonly requests: number;
  /** Requests since the worker started. */
  readonly total: number;
  /** Connections refused, over max_concurrency or by ip_access_control, since the worker started. */
  readonly refused: number;
  /** Of the requests that are over. */
  readonly tally: RequestTally;
  /** Clients that were rejected; absent in older versions. */
  readonly rejections?: RejectionTally;
}

export interface WorkerInspection {
  readonly entries: readonly EntryInspection[];
  readonly clusters: readonly ClusterInspection[];
  /** Resident memory, bytes. */
  readonly memory: number;
  /** Log lines that were lost since the worker started, by destination. */
  readonly lostLines: LostLines;
  /** While draining: the connections it waits for, oldest first, at most 20. */
  readonly holders: readonly ConnectionHolder[];
}

/** A connection that keeps a draining worker alive. */
export interface ConnectionHolder {
  readonly address: string;
  readonly entry: string;
  /** Milliseconds since it was accepted. */
  readonly age: number;
  readonly doing: 'idle' | 'receiving' | 'responding' | 'upgraded';
}

/** How a drained worker's connections ended. */
export interface DrainReport {
  /** After a response that announced it. */
  readonly answered: number;
  /** After `drain.idle` without a byte, or by the client. */
  readonly quiet: number;
  /** Broken off at `drain.timeout`. */
  readonly forced: number;
}

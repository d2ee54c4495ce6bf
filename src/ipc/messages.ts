import type { DrainCause } from '../config/drain-time.ts';
import type { GatewayConfig } from '../config/types.ts';
import type { EntryCredentials } from '../tls/credentials.ts';
import type { LeaseToHolder, LeaseToKeeper } from '../shared-limits/messages.ts';
import type { RequestTally } from './request-statistics.ts';
import type { RejectionTally } from './rejections.ts';
import type { ClusterInspection, ClusterObservation } from './cluster-state.ts';

/** Name, HMAC key and AES key of a TLS session ticket, together. */
export const ticketKeyBytes = 48;

/** What a worker is, told once when it starts. */
export interface WorkerAssignment {
  /**
   * Of the program that the primary runs. Another one may have been installed in its place since, and
   * workers of that would not understand what follows.
   */
  readonly version: string;
  /** Place in the pool, from 0; a replacement takes the slot of the worker before it. */
  readonly slot: number;
  /** Workers of this generation. */
  readonly workers: number;
  readonly generation: number;
  readonly config: GatewayConfig;
  /** What its entries with TLS show their clients, by entry; secret. */
  readonly credentials: Readonly<Record<string, EntryCredentials>>;
  /** Keys of TLS session tickets, one behind the other, the newest first; secret. */
  readonly ticketKeys: Uint8Array;
  /** Listening handles that will follow, one `socket` message each. */
  readonly handles: number;
  /** What is known of clusters. */
  readonly observations: readonly ClusterObservation[];
  /** Descriptor to write its log to when the primary, which passes it on, is gone; null: as before. */
  readonly ownOutput: number | null;
  /** How often it shall give a sign of life, ms; 0 for never. */
  readonly beatMs: number;
}

/** Primary to worker. */
export type ToWorker =
  | LeaseToHolder
  | { readonly type: 'start'; readonly assignment: WorkerAssignment }
  /**
   * Comes with a handle of a listening socket, and again with further ones of it; `id` names the socket
   * for as long as the primary holds it.
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
  /** Whether this worker is the one that checks the clusters' nodes and asks for their topology. */
  | { readonly type: 'observe'; readonly on: boolean }
  /** What the worker that does has found. */
  | { readonly type: 'cluster-observed'; readonly observation: ClusterObservation }
  /** To the worker that does: look now. */
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
  /** Is the primary there? Answered by `pong`. */
  | { readonly type: 'ping' }
  /** What it is busy with until it is ready, in words. */
  | { readonly type: 'progress'; readonly doing: string }
  /** Every entry is listening, its flows are built, and a request to itself was answered. */
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly code: string; readonly reason: string }
  /** It was told to end (TERM) and serves on until the primary, having replaced it, says `drain`. */
  | { readonly type: 'leaving' }
  /** Draining, it has accepted what was queued, and accepts nothing more. */
  | { readonly type: 'closed-to-new' }
  /** Draining, it has only tunnels and long requests left. */
  | { readonly type: 'only-streams' }
  | { readonly type: 'cluster-observed'; readonly observation: ClusterObservation }
  /** Requests have failed at that cluster: it should be looked at now. */
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

/** Log lines that found no room, by where they should have gone: `stdout`, or a file. */
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
  /** Clients that were turned away; absent from a version that does not count them. */
  readonly rejections?: RejectionTally;
}

export interface WorkerInspection {
  readonly entries: readonly EntryInspection[];
  readonly clusters: readonly ClusterInspection[];
  /** Resident memory, bytes. */
  readonly memory: number;
  /** Log lines that found no room, by where they should have gone, since the worker started. */
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

import type { CertificateStatus } from '../../tls/certificate-info.ts';
import type { RejectionReason } from '../../ipc/rejections.ts';
import type { ConnectionHolder, LostLines } from '../../ipc/messages.ts';
import type { ReloadRecord, ReloadResult, ReloadTrigger } from '../reload/record.ts';
import type { WorkerStage } from '../workers/worker-handle.ts';
import type { ClusterStatus } from './clusters.ts';

/** The response of `evergate status` and `GET /status`. */
export interface GatewayStatus {
  /** The primary's process. */
  readonly pid: number;
  readonly version: string;
  readonly state: 'running' | 'not serving' | 'stopping';
  /** Why /readyz refuses; null when it does not. */
  readonly not_ready: string | null;
  /** Seconds. */
  readonly uptime: number;
  readonly generation: number;
  readonly entries: readonly EntryStatus[];
  /** Null without an API. */
  readonly api: ApiStatus | null;
  readonly clusters: readonly ClusterStatus[];
  /** Workers in their slots. */
  readonly workers: readonly WorkerStatus[];
  /** Workers that finish what they have. */
  readonly draining: readonly DrainingStatus[];
  /** The last 20 changes, newest last. */
  readonly reloads: readonly ReloadRecord[];
  /** How many changes there were since the primary began, by result. */
  readonly changes: Readonly<Record<ReloadResult, number>>;
  /** Workers that ended without having been told to, since the primary started. */
  readonly crashes: number;
  /** Workers that were killed because they no longer responded. */
  readonly hangs: number;
  /** How long the certificates of the entries are valid. */
  readonly certificates: readonly CertificateStatus[];
  /** Log lines that found no room since the primary began, by where they should have gone. */
  readonly lostLines: LostLines;
  /** A reload that waits for the previous generation to drain. */
  readonly waiting: { readonly trigger: ReloadTrigger; readonly since: string } | null;
}

export interface ApiStatus {
  /** `host:port` as listened to. */
  readonly address: string;
  /** `host:port` as published. */
  readonly publish: string;
}

export interface OutcomeStatus {
  /** Requests that are over, by their response: none, 1xx to 5xx. */
  readonly responses: Readonly<Record<string, number>>;
  readonly duration: {
    /** How long all of them took together, from the head to the end of the response. */
    readonly seconds: number;
    /** How many took no longer than so many seconds; the last are all of them. */
    readonly buckets: readonly { readonly le: string; readonly count: number }[];
  };
}

export interface EntryStatus extends OutcomeStatus {
  readonly name: string;
  readonly scheme: 'http' | 'https';
  /** `host:port` as configured. */
  readonly configured: string;
  /** `host:port` as listened to. */
  readonly addresses: readonly string[];
  /** `host:port` as published. */
  readonly publish: string;
  /** Connections open now, over all workers. */
  readonly connections: number;
  /** Requests under way now, over all workers. */
  readonly requests: number;
  /** Requests and refused connections since the gateway began, over reloads and upgrades. */
  readonly total: number;
  readonly refused: number;
  /** Clients that were turned away before there was a request, by the reason. */
  readonly rejected: Readonly<Record<RejectionReason, number>>;
  readonly max_concurrency: number;
}

export interface WorkerStatus {
  readonly slot: number;
  readonly pid: number;
  readonly generation: number;
  readonly stage: WorkerStage | 'unresponsive';
  /** Seconds. */
  readonly uptime: number;
  readonly connections: number;
  /** Requests since it started. */
  readonly requests: number;
  /** Resident memory, bytes; null when it did not answer in time. */
  readonly memory: number | null;
}

export interface DrainingStatus extends WorkerStatus {
  /** Seconds since it began to drain. */
  readonly since: number;
  readonly holders: readonly ConnectionHolder[];
}

import type { EntryConfig } from '../config/types.ts';
import type { ConnectionHolder, WorkerInspection } from '../ipc/messages.ts';
import { formatAddress } from './address.ts';
import { type ClusterStatus, clusterStatuses } from './cluster-status.ts';
import type { Generation } from './generation.ts';
import { addressOf } from './listeners.ts';
import type { Pool } from './pool.ts';
import type { ReloadRecord, ReloadTrigger } from './reload-record.ts';
import { version } from './version.ts';
import type { WorkerHandle, WorkerStage } from './worker-handle.ts';

/** What `evergate status` and `GET /status` show. */
export interface GatewayStatus {
  /** The primary's process. */
  readonly pid: number;
  readonly version: string;
  readonly state: 'running' | 'stopping';
  /** Seconds. */
  readonly uptime: number;
  readonly generation: number;
  readonly entries: readonly EntryStatus[];
  readonly clusters: readonly ClusterStatus[];
  /** Workers in their slots. */
  readonly workers: readonly WorkerStatus[];
  /** Workers that finish what they have. */
  readonly draining: readonly DrainingStatus[];
  /** The last 20 changes, newest last. */
  readonly reloads: readonly ReloadRecord[];
  /** A reload that waits for the generation before to have drained. */
  readonly waiting: { readonly trigger: ReloadTrigger; readonly since: string } | null;
}

export interface EntryStatus {
  readonly name: string;
  readonly scheme: 'http' | 'https';
  /** `host:port` as configured. */
  readonly configured: string;
  /** `host:port` as listened to. */
  readonly addresses: readonly string[];
  /** `host:port` told to the outside. */
  readonly publish: string;
  /** Connections open now, over all workers. */
  readonly connections: number;
  /** Requests under way now, over all workers. */
  readonly requests: number;
  /** Requests and refused connections of the workers that live. */
  readonly total: number;
  readonly refused: number;
  readonly max_concurrency: number;
}

export interface WorkerStatus {
  readonly slot: number;
  readonly pid: number;
  readonly generation: number;
  readonly stage: WorkerStage;
  /** Seconds. */
  readonly uptime: number;
  readonly connections: number;
  /** Requests since it started. */
  readonly requests: number;
  /** Resident memory, bytes; null when it did not answer in time. */
  readonly memory: number | null;
}

export interface DrainingStatus extends WorkerStatus {
  /** Seconds since it was told to drain. */
  readonly since: number;
  readonly holders: readonly ConnectionHolder[];
}

/** Where an entry listens and what the outside is told. */
export function describeEntry(
  entry: EntryConfig,
  generation: Generation,
): Pick<EntryStatus, 'name' | 'scheme' | 'configured' | 'addresses' | 'publish'> {
  const { name, network, tls } = entry;
  const configured = formatAddress(network.host, network.port);
  const address = addressOf(generation.plan, name) ?? configured;
  return {
    name,
    scheme: tls.enabled ? 'https' : 'http',
    configured,
    addresses: [address],
    publish: network.publish ?? address,
  };
}

/** Where every entry listens, in one line. */
export function describeListening(generation: Generation): string {
  const parts = generation.config.entry.map((entry) => {
    const { name, scheme, configured, addresses, publish } = describeEntry(entry, generation);
    const [address = configured] = addresses;
    const { port } = entry.network;
    const skipped = port !== 0 && !address.endsWith(`:${port}`);
    const notes = [
      ...(skipped ? [`${port} is occupied`] : []),
      ...(publish === address ? [] : [`published as ${publish}`]),
    ];
    return `${name} on ${scheme}://${address}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`;
  });
  return parts.join(', ');
}

/** Asks every worker how it is. One that does not answer within a second is shown without numbers. */
export async function collectStatus(
  generation: Generation,
  pool: Pool,
  rest: Pick<GatewayStatus, 'state' | 'reloads' | 'waiting'>,
): Promise<GatewayStatus> {
  const inspected = await Promise.all(
    [...pool.alive].map(async (worker) => ({ worker, inspection: await worker.inspect() })),
  );
  const alive = inspected.filter(({ worker }) => worker.stage !== 'gone');
  const inspections = alive.flatMap(({ inspection }) => inspection ?? []);
  return {
    pid: process.pid,
    version,
    uptime: Math.round(process.uptime()),
    generation: generation.number,
    entries: generation.config.entry.map((entry) => entryStatus(entry, generation, inspections)),
    clusters: clusterStatuses(
      inspections.map(({ clusters }) => clusters),
      pool.observations.latest,
    ),
    workers: alive
      .filter(({ worker }) => !pool.draining.has(worker))
      .map(({ worker, inspection }) => workerStatus(worker, inspection))
      .sort((a, b) => a.slot - b.slot),
    draining: alive
      .filter(({ worker }) => pool.draining.has(worker))
      .map(({ worker, inspection }) => ({
        ...workerStatus(worker, inspection),
        since: secondsSince(worker.drainingSince),
        holders: inspection?.holders ?? [],
      })),
    ...rest,
  };
}

function entryStatus(
  entry: EntryConfig,
  generation: Generation,
  inspections: readonly WorkerInspection[],
): EntryStatus {
  const sum = { connections: 0, requests: 0, total: 0, refused: 0 };
  for (const inspection of inspections) {
    for (const part of inspection.entries) {
      if (part.entry !== entry.name) continue;
      sum.connections += part.connections;
      sum.requests += part.requests;
      sum.total += part.total;
      sum.refused += part.refused;
    }
  }
  const { max_concurrency } = entry;
  return { ...describeEntry(entry, generation), ...sum, max_concurrency };
}

function workerStatus(worker: WorkerHandle, inspection: WorkerInspection | null): WorkerStatus {
  const { slot, pid, stage, startedAt } = worker;
  let connections = 0;
  let requests = 0;
  for (const entry of inspection?.entries ?? []) {
    connections += entry.connections;
    requests += entry.total;
  }
  const generation = worker.generation.number;
  const uptime = secondsSince(startedAt);
  const memory = inspection?.memory ?? null;
  return { slot, pid, generation, stage, uptime, connections, requests, memory };
}

function secondsSince(time: number): number {
  return time === 0 ? 0 : Math.round((Date.now() - time) / 1000);
}

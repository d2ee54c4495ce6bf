import {
  addRejections,
  noRejections,
  type RejectionTally,
  rejectionReasons,
} from '../../ipc/rejections.ts';
import type { EntryConfig } from '../../config/types.ts';
import {
  addTallies,
  durationBounds,
  noRequests,
  type RequestTally,
} from '../../ipc/request-statistics.ts';
import type { EntryInspection, WorkerInspection } from '../../ipc/messages.ts';
import { formatAddress } from '../sockets/address.ts';
import { clusterStatuses } from './clusters.ts';
import type { Generation } from '../generation.ts';
import { addressOf, apiAddressOf } from '../sockets/listeners.ts';
import type { Pool } from '../workers/pool.ts';
import type { ReloadHistory } from '../reload/history.ts';
import { lostLineCounts } from '../../runtime/lines/line-buffer.ts';
import { type EntryTotals, sumLostLines } from './counters.ts';
import { version } from '../../package.ts';
import type { PredecessorInspection } from '../upgrade/messages.ts';
import type {
  ApiStatus,
  DrainingStatus,
  EntryStatus,
  GatewayStatus,
  OutcomeStatus,
  WorkerStatus,
} from './types.ts';
import type { WorkerHandle } from '../workers/worker-handle.ts';

/** The addresses of an entry. */
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

function describeApi({ config, plan }: Generation): ApiStatus | null {
  const address = apiAddressOf(plan);
  return address === null ? null : { address, publish: config.api?.network.publish ?? address };
}

/** The addresses of every entry and of the API, in one line. */
export function describeListening(generation: Generation): string {
  const { config } = generation;
  const parts = config.entry.map((entry) => {
    const { name, scheme, configured, addresses, publish } = describeEntry(entry, generation);
    const [address = configured] = addresses;
    return `${name} on ${describeAddress(scheme, address, publish, entry.network.port)}`;
  });
  const api = describeApi(generation);
  const apiPort = config.api?.network.port ?? 0;
  if (api) parts.push(`API on ${describeAddress('http', api.address, api.publish, apiPort)}`);
  return parts.join(', ');
}

function describeAddress(scheme: string, address: string, publish: string, port: number): string {
  const skipped = port !== 0 && !address.endsWith(`:${port}`);
  const notes = [
    ...(skipped ? [`${port} is occupied`] : []),
    ...(publish === address ? [] : [`published as ${publish}`]),
  ];
  return `${scheme}://${address}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`;
}

/**
 * Inspects every worker. One that does not respond in time is shown without numbers of its own; its
 * previous counts stay in the sums, because a counter that falls would mean a restart.
 */
export async function collectStatus(
  generation: Generation,
  pool: Pool,
  history: ReloadHistory,
  { notReady, waiting }: { notReady: string | null } & Pick<GatewayStatus, 'waiting'>,
): Promise<GatewayStatus> {
  const [alive, left] = await Promise.all([
    inspectWorkers(pool),
    pool.draining.predecessor?.inspect(),
  ]);
  const counts = [...alive.flatMap(({ worker }) => worker.counts), ...(left?.entries ?? [])];
  return {
    pid: process.pid,
    version,
    state: notReady === 'stopping' ? 'stopping' : notReady === null ? 'running' : 'not serving',
    not_ready: notReady,
    uptime: Math.round(process.uptime()),
    generation: generation.number,
    entries: generation.config.entry.map((entry) => {
      const { tally, rejections, ...numbers } = countsOf(
        entry.name,
        counts,
        pool.totals.of(entry.name),
      );
      return {
        ...describeEntry(entry, generation),
        ...numbers,
        max_concurrency: entry.max_concurrency,
        ...readableTally(tally),
        rejected: readableRejections(rejections ?? noRejections),
      };
    }),
    api: describeApi(generation),
    clusters: clusterStatuses(
      [...alive.map(({ worker }) => worker.clusters), ...(left?.clusters ?? [])],
      pool.clusterMonitor.latest(),
      pool.totals,
    ),
    workers: alive
      .filter(({ worker }) => !pool.draining.has(worker))
      .map(({ worker, inspection }) => workerStatus(worker, inspection))
      .sort((a, b) => a.slot - b.slot),
    draining: [...drainingStatus(alive, pool), ...(left?.draining ?? [])],
    reloads: history.all,
    changes: history.counts,
    crashes: pool.crashes,
    hangs: pool.hangs,
    certificates: generation.credentials.certificates,
    lostLines: sumLostLines([
      lostLineCounts(),
      pool.totals.lostLines,
      ...alive.map(({ worker }) => worker.lostLines),
    ]),
    waiting,
  };
}

/** State of the workers of a primary that was replaced. */
export async function inspectPool(pool: Pool): Promise<PredecessorInspection> {
  const alive = await inspectWorkers(pool);
  const counts = alive.flatMap(({ worker }) => worker.counts);
  const names = new Set(counts.map(({ entry }) => entry));
  return {
    entries: Array.from(names, (entry) => ({ entry, ...countsOf(entry, counts) })),
    draining: drainingStatus(alive, pool),
    clusters: alive.map(({ worker }) => worker.clusters),
  };
}

interface InspectedWorker {
  readonly worker: WorkerHandle;
  readonly inspection: WorkerInspection | null;
}

async function inspectWorkers(pool: Pool): Promise<InspectedWorker[]> {
  const inspected = await Promise.all(
    [...pool.alive].map(async (worker) => ({ worker, inspection: await worker.inspect() })),
  );
  return inspected.filter(({ worker }) => worker.stage !== 'gone');
}

function drainingStatus(alive: readonly InspectedWorker[], pool: Pool): DrainingStatus[] {
  return alive
    .filter(({ worker }) => pool.draining.has(worker))
    .map(({ worker, inspection }) => ({
      ...workerStatus(worker, inspection),
      since: secondsSince(worker.drainingSince),
      holders: inspection?.holders ?? [],
    }));
}

function countsOf(
  name: string,
  parts: readonly EntryInspection[],
  gone: Omit<EntryTotals, 'entry'> = { total: 0, refused: 0, tally: noRequests },
): Omit<EntryInspection, 'entry'> {
  let sum = { connections: 0, requests: 0, ...gone };
  for (const { entry, connections, requests, total, refused, tally, rejections } of parts) {
    if (entry !== name) continue;
    sum = {
      connections: sum.connections + connections,
      requests: sum.requests + requests,
      total: sum.total + total,
      refused: sum.refused + refused,
      tally: addTallies(sum.tally, tally),
      rejections: addRejections(sum.rejections ?? noRejections, rejections ?? noRejections),
    };
  }
  return sum;
}

function readableRejections(tally: RejectionTally): EntryStatus['rejected'] {
  const counts = rejectionReasons.map((reason, index) => [reason, tally[index] ?? 0] as const);
  return Object.fromEntries(counts) as EntryStatus['rejected'];
}

/** A tally as the status shows it. */
function readableTally({ responses, durations, elapsed }: RequestTally): OutcomeStatus {
  let count = 0;
  const buckets = durations.map((own, index) => {
    count += own;
    const bound = durationBounds[index];
    return { le: bound === undefined ? '+Inf' : `${bound / 1000}`, count };
  });
  const names = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'];
  return {
    responses: Object.fromEntries(names.map((name, index) => [name, responses[index] ?? 0])),
    duration: { seconds: elapsed / 1000, buckets },
  };
}

function workerStatus(worker: WorkerHandle, inspection: WorkerInspection | null): WorkerStatus {
  const { slot, pid, startedAt } = worker;
  const stage = worker.responsive ? worker.stage : 'unresponsive';
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
  return time === 0 ? 0 : Math.round((performance.now() - time) / 1000);
}

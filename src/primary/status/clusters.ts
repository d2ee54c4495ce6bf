import type { ClusterInspection, ClusterObservation } from '../../ipc/cluster-state.ts';
import type { NodeTotals, Totals } from './counters.ts';

/** A cluster as `status` shows it. */
export interface ClusterStatus {
  readonly name: string;
  /** Whether every worker believes that it takes requests. */
  readonly available: boolean;
  readonly nodes: readonly NodeStatus[];
}

export interface NodeStatus {
  /** `http://host:port`. */
  readonly origin: string;
  /** What the cluster calls it; null when it was not asked. */
  readonly name: string | null;
  readonly roles: readonly string[];
  /** What the last check has shown; `unknown` where none is made. */
  readonly check: 'up' | 'down' | 'unknown';
  /** Why it is down. */
  readonly reason: string | null;
  /** Workers that give it no requests, for it failed. */
  readonly left_out_by: number;
  /** Requests that wait for its answer, over all workers. */
  readonly in_flight: number;
  /** Requests it was given since the gateway began. */
  readonly requests: number;
  /** Of these, those that it failed: no connection, no answer in time, a broken one, 502 to 504. */
  readonly failures: number;
}

/** What all workers say of their clusters, put together. */
export function clusterStatuses(
  inspections: readonly (readonly ClusterInspection[])[],
  observations: readonly ClusterObservation[],
  totals: Totals,
): ClusterStatus[] {
  const names = new Set(inspections.flatMap((all) => all.map(({ cluster }) => cluster)));
  return [...names].map((name) => {
    const parts = inspections.flatMap((all) => all.filter(({ cluster }) => cluster === name));
    const observation = observations.find(({ cluster }) => cluster === name);
    const origins = new Set(parts.flatMap(({ nodes }) => nodes.map(({ origin }) => origin)));
    const nodes = [...origins].map((origin) =>
      nodeStatus(origin, parts, observation, totals.ofNode(name, origin)),
    );
    return { name, available: parts.every(({ available }) => available), nodes };
  });
}

function nodeStatus(
  origin: string,
  parts: readonly ClusterInspection[],
  observation: ClusterObservation | undefined,
  gone: NodeTotals,
): NodeStatus {
  const seen = parts.flatMap(({ nodes }) => nodes.filter((node) => node.origin === origin));
  const checked = observation?.nodes.find((node) => node.origin === origin);
  const up = checked?.up ?? null;
  return {
    origin,
    name: checked?.identity?.name ?? null,
    roles: checked?.identity?.roles ?? [],
    check: up === null ? 'unknown' : up ? 'up' : 'down',
    reason: checked?.reason ?? null,
    left_out_by: seen.filter(({ used }) => !used).length,
    in_flight: seen.reduce((sum, { inFlight }) => sum + inFlight, 0),
    requests: seen.reduce((sum, { requests }) => sum + requests, gone.requests),
    failures: seen.reduce((sum, { failures }) => sum + failures, gone.failures),
  };
}

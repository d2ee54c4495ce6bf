import type { ClusterInspection, ClusterObservation } from '../../ipc/cluster-state.ts';
import type { NodeTotals, Totals } from './counters.ts';

/** A cluster as `status` shows it. */
export interface ClusterStatus {
  readonly name: string;
  /** Whether every worker considers it able to take requests. */
  readonly available: boolean;
  readonly nodes: readonly NodeStatus[];
}

export interface NodeStatus {
  /** `http://host:port`. */
  readonly origin: string;
  /** Its name in the cluster; null when unknown. */
  readonly name: string | null;
  readonly roles: readonly string[];
  /** Result of the last check; `unknown` without checks. */
  readonly check: 'up' | 'down' | 'unknown';
  /** Why it is down. */
  readonly reason: string | null;
  /** Workers that have ejected it. */
  readonly left_out_by: number;
  /** Requests that wait for its answer, over all workers. */
  readonly in_flight: number;
  /** Requests to it since the gateway started. */
  readonly requests: number;
  /** Of these, failures: no connection, no response in time, a broken one, or 502 to 504. */
  readonly failures: number;
}

/** The clusters as all workers together see them. */
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

import { addTallies, noRequests, type RequestTally } from '../../ipc/request-statistics.ts';
import { addRejections, noRejections, type RejectionTally } from '../../ipc/rejections.ts';
import type { ClusterInspection } from '../../ipc/cluster-state.ts';
import type { LostLines } from '../../ipc/messages.ts';

/** Counts of one entry since the gateway started. */
export interface EntryTotals {
  readonly entry: string;
  /** Requests. */
  readonly total: number;
  /** Connections refused over max_concurrency. */
  readonly refused: number;
  /** Outcome of the requests that are over. */
  readonly tally: RequestTally;
  /** Clients that were turned away before there was a request. */
  readonly rejections?: RejectionTally;
}

/** Counts of one node since the gateway started. */
export interface NodeTotals {
  readonly cluster: string;
  readonly origin: string;
  readonly requests: number;
  readonly failures: number;
}

/** Counts of the workers that have ended, so that the gateway's counters never fall. */
export class Totals {
  readonly #entries = new Map<string, EntryTotals>();
  /** By cluster and origin. */
  readonly #nodes = new Map<string, NodeTotals>();
  lostLines: LostLines = {};

  add(counts: readonly EntryTotals[]): void {
    for (const { entry, total, refused, tally, rejections } of counts) {
      const before = this.of(entry);
      this.#entries.set(entry, {
        entry,
        total: before.total + total,
        refused: before.refused + refused,
        tally: addTallies(before.tally, tally),
        rejections: addRejections(before.rejections ?? noRejections, rejections ?? noRejections),
      });
    }
  }

  addNodes(nodes: readonly NodeTotals[]): void {
    for (const { cluster, origin, requests, failures } of nodes) {
      const before = this.ofNode(cluster, origin);
      this.#nodes.set(`${cluster} ${origin}`, {
        cluster,
        origin,
        requests: before.requests + requests,
        failures: before.failures + failures,
      });
    }
  }

  addLostLines(lost: LostLines): void {
    this.lostLines = sumLostLines([this.lostLines, lost]);
  }

  ofNode(cluster: string, origin: string): NodeTotals {
    const known = this.#nodes.get(`${cluster} ${origin}`);
    return known ?? { cluster, origin, requests: 0, failures: 0 };
  }

  of(entry: string): EntryTotals {
    return this.#entries.get(entry) ?? { entry, total: 0, refused: 0, tally: noRequests };
  }

  get all(): EntryTotals[] {
    return [...this.#entries.values()];
  }

  get nodes(): NodeTotals[] {
    return [...this.#nodes.values()];
  }
}

/** Counts of the nodes of a worker's clusters. */
export function nodeTotalsOf(clusters: readonly ClusterInspection[]): NodeTotals[] {
  return clusters.flatMap(({ cluster, nodes }) =>
    nodes.map(({ origin, requests, failures }) => ({ cluster, origin, requests, failures })),
  );
}

export function sumLostLines(parts: readonly LostLines[]): LostLines {
  const sum: Record<string, number> = {};
  for (const part of parts) {
    for (const [log, count] of Object.entries(part)) sum[log] = (sum[log] ?? 0) + count;
  }
  return sum;
}

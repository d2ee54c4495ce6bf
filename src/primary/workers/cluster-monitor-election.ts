import type { ClusterObservation } from '../../ipc/cluster-state.ts';
import type { ToWorker } from '../../ipc/messages.ts';

/** A worker that can be elected, or receives observations. */
export interface MonitorCandidate {
  readonly slot: number;
  readonly generation: { readonly number: number };
  send(message: ToWorker): void;
}

/**
 * Elects the worker that monitors the clusters for all workers, forwards its observations to the
 * others, and keeps the latest ones, with which new workers and new monitors begin.
 */
export class ClusterMonitorElection {
  readonly #latest = new Map<string, { observation: ClusterObservation; at: number }>();
  #clusters: readonly string[] = [];
  #elected: MonitorCandidate | null = null;

  /** The latest observation of each cluster. */
  latest(): readonly ClusterObservation[] {
    this.#forgetOutdated();
    return Array.from(this.#latest.values(), ({ observation }) => observation);
  }

  /** Elects the worker in the lowest slot of the newest generation. */
  elect(serving: readonly MonitorCandidate[]): void {
    let elected: MonitorCandidate | null = null;
    for (const worker of serving) {
      const newer = worker.generation.number - (elected?.generation.number ?? 0);
      if (newer > 0 || (newer === 0 && worker.slot < (elected?.slot ?? 0))) elected = worker;
    }
    this.#appoint(elected);
  }

  #appoint(worker: MonitorCandidate | null): void {
    if (worker === this.#elected) return;
    this.#elected?.send({ type: 'observe', on: false });
    this.#elected = worker;
    worker?.send({ type: 'observe', on: true });
  }

  /** Takes an observation, unless its worker is no longer the monitor. */
  observed(
    by: MonitorCandidate,
    observation: ClusterObservation,
    workers: Iterable<MonitorCandidate>,
  ): void {
    if (by !== this.#elected) return;
    this.#latest.set(observation.cluster, { observation, at: performance.now() });
    for (const worker of workers) {
      if (worker !== by) worker.send({ type: 'cluster-observed', observation });
    }
  }

  requestCheck(cluster: string): void {
    this.#elected?.send({ type: 'cluster-check', cluster });
  }

  /** Names the clusters of the configuration; observations of others are dropped when outdated. */
  keep(clusters: readonly string[]): void {
    this.#clusters = clusters;
  }

  /** Clusters of filters are not in the configuration's list. */
  #forgetOutdated(): void {
    const now = performance.now();
    for (const [name, { observation, at }] of this.#latest) {
      if (this.#clusters.includes(name) || now - at < observation.validFor) continue;
      this.#latest.delete(name);
    }
  }
}

import type { ClusterObservation } from '../../ipc/cluster-state.ts';
import type { ToWorker } from '../../ipc/messages.ts';

/** How the pool speaks to one worker. */
export interface Observer {
  send(message: ToWorker): void;
}

/**
 * Has one worker watch the clusters for all: elects it, passes what it finds on to the others, and
 * keeps it for those that come later, so that neither a new worker nor a new watcher begins with
 * nothing.
 */
export class Observations {
  readonly #latest = new Map<string, { observation: ClusterObservation; at: number }>();
  #clusters: readonly string[] = [];
  #elected: Observer | null = null;

  /** What was found last, of each cluster. */
  get latest(): readonly ClusterObservation[] {
    this.#forgetOutdated();
    return Array.from(this.#latest.values(), ({ observation }) => observation);
  }

  /** The worker that shall watch, or null when there is none. */
  elect(worker: Observer | null): void {
    if (worker === this.#elected) return;
    this.#elected?.send({ type: 'observe', on: false });
    this.#elected = worker;
    worker?.send({ type: 'observe', on: true });
  }

  /** The watching worker has found something; of another one it came too late. */
  observed(by: Observer, observation: ClusterObservation, workers: Iterable<Observer>): void {
    if (by !== this.#elected) return;
    this.#latest.set(observation.cluster, { observation, at: performance.now() });
    for (const worker of workers) {
      if (worker !== by) worker.send({ type: 'cluster-observed', observation });
    }
  }

  wantCheck(cluster: string): void {
    this.#elected?.send({ type: 'cluster-check', cluster });
  }

  /** The clusters of the configuration; what is known of others goes when it is no longer valid. */
  keep(clusters: readonly string[]): void {
    this.#clusters = clusters;
  }

  /** Clusters that filters have of their own are not in the configuration's list. */
  #forgetOutdated(): void {
    const now = performance.now();
    for (const [name, { observation, at }] of this.#latest) {
      if (this.#clusters.includes(name) || now - at < observation.validFor) continue;
      this.#latest.delete(name);
    }
  }
}

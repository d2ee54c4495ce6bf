/** What the one worker that watches a cluster found out about it; told to all other workers. */
export interface ClusterObservation {
  readonly cluster: string;
  /** Origins in the configuration that was watched; of use only where they are the same. */
  readonly seeds: readonly string[];
  readonly nodes: readonly NodeObservation[];
  /** Whether the cluster has been asked for its nodes and has named some. */
  readonly discovered: boolean;
  /** How long this may be relied on when nothing newer comes, ms. */
  readonly validFor: number;
}

export interface NodeObservation {
  /** `http://host:port`. */
  readonly origin: string;
  /** Null until it was checked. */
  readonly up: boolean | null;
  /** Why it is down. */
  readonly reason: string | null;
  /** What the cluster says of the node; null for an address that it did not name. */
  readonly identity: NodeIdentity | null;
}

export interface NodeIdentity {
  readonly name: string;
  readonly roles: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
}

/** A cluster as one worker uses it. */
export interface ClusterInspection {
  readonly cluster: string;
  readonly available: boolean;
  readonly nodes: readonly NodeInspection[];
}

export interface NodeInspection {
  readonly origin: string;
  /** Whether it gets requests; one that is left out gets a single one from time to time. */
  readonly used: boolean;
  /** Requests that wait for its answer. */
  readonly inFlight: number;
  /** Requests since the worker started. */
  readonly requests: number;
  /** Of these, those that it failed. */
  readonly failures: number;
}

/** An observation of a cluster by the worker that monitors it; sent to all other workers. */
export interface ClusterObservation {
  readonly cluster: string;
  /** Origins in the configuration; the observation applies only where they are the same. */
  readonly seeds: readonly string[];
  readonly nodes: readonly NodeObservation[];
  /** Whether the cluster has named its nodes. */
  readonly discovered: boolean;
  /** How long this is valid without a newer one, ms. */
  readonly validFor: number;
}

export interface NodeObservation {
  /** `http://host:port`. */
  readonly origin: string;
  /** Null until it was checked. */
  readonly up: boolean | null;
  /** Why it is down. */
  readonly reason: string | null;
  /** As the cluster describes the node; null for an address that it did not name. */
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
  /** Whether it gets requests; an ejected node gets a single one from time to time. */
  readonly used: boolean;
  /** Requests that wait for its answer. */
  readonly inFlight: number;
  /** Requests since the worker started. */
  readonly requests: number;
  /** Of these, those that it failed. */
  readonly failures: number;
}

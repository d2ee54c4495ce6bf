import { isDeepStrictEqual } from 'node:util';
import type { ClusterObservation, NodeIdentity } from '../../ipc/cluster-state.ts';
import type { Log } from '../../log.ts';
import { type EjectionListener, NodeHealth } from './outlier-detection.ts';
import type { NodeTraffic } from './traffic-limits.ts';

/** A node that the cluster is known to have. */
export interface Member {
  readonly origin: string;
  readonly health: NodeHealth;
  /** Null when its traffic is not limited. */
  readonly traffic: NodeTraffic | null;
  /** What the cluster says of it; null when that is not known. */
  readonly identity: NodeIdentity | null;
  /** Whether it stands in the configuration. */
  readonly seed: boolean;
  /** Whether it is there only for when no other node can be used. */
  readonly reserve: boolean;
}

/**
 * The nodes of a cluster, common to all its views: those of the configuration, and those that were
 * discovered and answered at least once. The former stay as the last resort whatever is discovered.
 */
export class Membership {
  #members: readonly Member[];
  readonly #seeds: readonly string[];
  readonly #log: Log;
  readonly #onEjected: EjectionListener;
  readonly #trafficOf: (origin: string) => NodeTraffic | null;

  constructor(
    seeds: readonly string[],
    log: Log,
    onEjected: EjectionListener,
    trafficOf: (origin: string) => NodeTraffic | null,
  ) {
    this.#seeds = seeds;
    this.#log = log;
    this.#onEjected = onEjected;
    this.#trafficOf = trafficOf;
    this.#members = seeds.map((origin) => ({
      origin,
      health: new NodeHealth(origin, log, onEjected),
      traffic: trafficOf(origin),
      identity: null,
      seed: true,
      reserve: false,
    }));
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  /** Takes over what was found out; tells whether the members are others now, or of other kind. */
  apply({ seeds, nodes, discovered, validFor }: ClusterObservation): boolean {
    if (!isDeepStrictEqual(seeds, this.#seeds)) return false;
    const before = new Map(this.#members.map((member) => [member.origin, member]));
    const observed = new Map(nodes.map((node) => [node.origin, node]));
    const after: Member[] = [];
    for (const origin of new Set([...seeds, ...observed.keys()])) {
      const known = before.get(origin);
      const node = observed.get(origin);
      const seed = seeds.includes(origin);
      // A discovered address that cannot be reached from here is of no use.
      if (!known && !node?.up) continue;
      const health = known?.health ?? new NodeHealth(origin, this.#log, this.#onEjected);
      if (node && node.up !== null) health.checked(node.up, node.reason, validFor);
      const identity = node?.identity ?? null;
      const traffic = known ? known.traffic : this.#trafficOf(origin);
      after.push({
        origin,
        health,
        traffic,
        identity,
        seed,
        reserve: discovered && identity === null,
      });
    }
    const changed = describe(after) !== describe(this.#members);
    this.#members = after;
    if (changed && after.length !== before.size) {
      this.#log.info({ nodes: after.map(({ origin }) => origin) }, 'the cluster has other nodes');
    }
    return changed;
  }
}

function describe(members: readonly Member[]): string {
  return JSON.stringify(
    members.map(({ origin, identity, reserve }) => [origin, identity, reserve]),
  );
}

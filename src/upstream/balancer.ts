import type { BalancerName } from './cluster.ts';
import type { Node } from './node.ts';

/** Picks the node for an attempt. */
export interface Balancer {
  /**
   * One of `nodes` that is not in `tried`. A node that is ejected is picked only when no other is
   * left; null when all were tried or have no weight.
   */
  pick(nodes: readonly Node[], tried: readonly Node[]): Node | null;
}

export function createBalancer(name: BalancerName): Balancer {
  return name === 'least_in_flight' ? new LeastInFlight() : new WeightedRoundRobin();
}

function eligible(node: Node, tried: readonly Node[], anyway: boolean): boolean {
  return node.weight > 0 && (anyway || node.health.available) && !tried.includes(node);
}

/** Smooth weighted round robin: shares as weighted, each node's spread evenly over time. */
class WeightedRoundRobin implements Balancer {
  /** What each node has saved up; the richest is next. */
  readonly #saved = new Map<Node, number>();

  pick(nodes: readonly Node[], tried: readonly Node[]): Node | null {
    return this.#pick(nodes, tried, false) ?? this.#pick(nodes, tried, true);
  }

  #pick(nodes: readonly Node[], tried: readonly Node[], anyway: boolean): Node | null {
    let total = 0;
    let best: Node | null = null;
    let most = Number.NEGATIVE_INFINITY;
    for (const node of nodes) {
      if (!eligible(node, tried, anyway)) continue;
      total += node.weight;
      const saved = (this.#saved.get(node) ?? 0) + node.weight;
      this.#saved.set(node, saved);
      if (saved > most) {
        most = saved;
        best = node;
      }
    }
    if (best !== null) this.#saved.set(best, most - total);
    return best;
  }
}

/** The node with the fewest requests under way for its weight; among equals they take turns. */
class LeastInFlight implements Balancer {
  #turn = 0;

  pick(nodes: readonly Node[], tried: readonly Node[]): Node | null {
    this.#turn++;
    return this.#pick(nodes, tried, false) ?? this.#pick(nodes, tried, true);
  }

  #pick(nodes: readonly Node[], tried: readonly Node[], anyway: boolean): Node | null {
    let best: Node | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[(i + this.#turn) % nodes.length] as Node;
      if (!eligible(node, tried, anyway)) continue;
      const load = (node.inFlight + 1) / node.weight;
      if (load < least) {
        least = load;
        best = node;
      }
    }
    return best;
  }
}

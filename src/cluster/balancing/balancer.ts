import type { BalancerName } from '../cluster.ts';
import { hashOf, mix } from './hash.ts';
import type { Node } from '../nodes/node.ts';

/** Picks the node for an attempt. */
export interface Balancer {
  /**
   * One of `nodes` that is not in `tried`. A node of the reserve is picked only when no other can be
   * used, one that is ejected only when nothing else is left; null when all were tried or have no
   * weight.
   * @param key what a `hash` balancer goes by
   */
  pick(nodes: readonly Node[], tried: readonly Node[], key: string): Node | null;
}

export function createBalancer(name: BalancerName): Balancer {
  if (name === 'least_in_flight') return new LeastInFlight();
  return name === 'hash' ? new KeyHash() : new WeightedRoundRobin();
}

/** Which nodes a round of picking looks at; each round looks at more. */
const rounds = [0, 1, 2] as const;
type Round = (typeof rounds)[number];

/** First those that are in use, then the reserve, then even those that are left out. */
function eligible(node: Node, tried: readonly Node[], round: Round): boolean {
  if (node.weight <= 0 || tried.includes(node)) return false;
  return round === 2 || (node.health.available && (round === 1 || !node.reserve));
}

/** Smooth weighted round robin: shares as weighted, each node's spread evenly over time. */
class WeightedRoundRobin implements Balancer {
  pick(nodes: readonly Node[], tried: readonly Node[]): Node | null {
    for (const round of rounds) {
      const node = this.#pick(nodes, tried, round);
      if (node !== null) return node;
    }
    return null;
  }

  #pick(nodes: readonly Node[], tried: readonly Node[], round: Round): Node | null {
    let total = 0;
    let best: Node | null = null;
    for (const node of nodes) {
      if (!eligible(node, tried, round)) continue;
      total += node.weight;
      node.saved += node.weight;
      if (best === null || node.saved > best.saved) best = node;
    }
    // The richest is next, and pays for all.
    if (best !== null) best.saved -= total;
    return best;
  }
}

/** The node with the fewest requests under way for its weight; among equals they take turns. */
class LeastInFlight implements Balancer {
  #turn = 0;

  pick(nodes: readonly Node[], tried: readonly Node[]): Node | null {
    this.#turn++;
    for (const round of rounds) {
      const node = this.#pick(nodes, tried, round);
      if (node !== null) return node;
    }
    return null;
  }

  #pick(nodes: readonly Node[], tried: readonly Node[], round: Round): Node | null {
    let best: Node | null = null;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[(i + this.#turn) % nodes.length] as Node;
      if (!eligible(node, tried, round)) continue;
      const load = (node.inFlight + 1) / node.weight;
      if (load < least) {
        least = load;
        best = node;
      }
    }
    return best;
  }
}

/**
 * The node that the key belongs to, by weighted rendezvous hashing: each node scores the key, the
 * highest score wins. A node that comes or goes moves only the keys that are its own.
 */
class KeyHash implements Balancer {
  pick(nodes: readonly Node[], tried: readonly Node[], key: string): Node | null {
    const hashed = hashOf(key);
    for (const round of rounds) {
      let best: Node | null = null;
      let highest = Number.NEGATIVE_INFINITY;
      for (const node of nodes) {
        if (!eligible(node, tried, round)) continue;
        // In (0, 1), evenly; its logarithm makes the chances go by weight.
        const even = (mix(hashed ^ node.hash) + 0.5) / 2 ** 32;
        const score = node.weight / -Math.log(even);
        if (score > highest) {
          highest = score;
          best = node;
        }
      }
      if (best !== null) return best;
    }
    return null;
  }
}

import type { NodeConnectionSlots } from '../../shared-limits/worker/node-connection-slots.ts';
import { hashOf } from '../balancing/hash.ts';
import type { NodeHealth } from './outlier-detection.ts';
import { type FieldLines, fieldLine, nameBit } from '../../http/headers/raw-lines.ts';
import { Http1Transport } from '../transport/http1/transport.ts';
import { Http2Transport } from '../transport/http2/transport.ts';
import type { NodeTraffic } from './traffic-limits.ts';
import type { ConnectionSettings, Transport } from '../transport/transport.ts';

/** What all views of a cluster know of a node. */
export interface NodeMember {
  readonly origin: string;
  readonly health: NodeHealth;
  readonly traffic: NodeTraffic | null;
}

export const backendNames = ['X-Backend-Cluster', 'X-Backend-Server'] as const;

/** A member of a cluster, as one view of the cluster uses it. */
export class Node {
  /** `http://host:port`. */
  readonly origin: string;
  /** `host:port`, without a port that is the scheme's own: its Host. */
  readonly host: string;
  readonly weight: number;
  /** Of the origin, for a balancer that goes by keys. */
  readonly hash: number;
  readonly health: NodeHealth;
  /** Null when its traffic is not limited. */
  readonly traffic: NodeTraffic | null;
  /** Requests that wait for this node's answer. */
  inFlight = 0;
  /** Requests it was given. */
  requests = 0;
  /** Of these, those that it failed. */
  failures = 0;
  /** What a weighted round robin has saved up for it. */
  saved = 0;
  /** Whether it is for when no other node can be used. */
  reserve = false;
  readonly #settings: ConnectionSettings;
  #transport: Transport | null = null;
  #origins: FieldLines | null = null;

  constructor(member: NodeMember, weight: number, settings: ConnectionSettings) {
    const { origin, health, traffic } = member;
    this.origin = origin;
    this.host = new URL(origin).host;
    this.weight = weight;
    this.hash = hashOf(origin);
    this.health = health;
    this.traffic = traffic;
    this.#settings = settings;
  }

  get transport(): Transport {
    this.#transport ??= openTransport(
      this.origin,
      this.#settings,
      this.traffic?.connections ?? null,
    );
    return this.#transport;
  }

  /** The fields that name this node in a response: X-Backend-Server, and X-Backend-Cluster if named. */
  originLines(cluster: string | null): FieldLines {
    if (this.#origins === null) {
      const own = cluster === null ? '' : fieldLine(backendNames[0], cluster);
      const lines = own + fieldLine(backendNames[1], nodeName(this.origin));
      const names = nameBit(backendNames[0]) | nameBit(backendNames[1]);
      this.#origins = { all: lines, passed: lines, names };
    }
    return this.#origins;
  }

  async close(): Promise<void> {
    await this.#transport?.close();
  }

  destroy(): void {
    this.#transport?.destroy();
  }
}

/** The client that speaks with that node. */
export function openTransport(
  origin: string,
  settings: ConnectionSettings,
  slots: NodeConnectionSlots | null = null,
): Transport {
  return settings.allowH2
    ? new Http2Transport(origin, settings, slots)
    : new Http1Transport(origin, settings, slots);
}

/** `host:port` as configurations name a node, the port always given. */
export function nodeName(origin: string): string {
  const { hostname, port, protocol } = new URL(origin);
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

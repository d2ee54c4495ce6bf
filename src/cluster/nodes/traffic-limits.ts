import { type Body, type BodySource, lengthOf } from '../../http/body/body.ts';
import { PassingBody } from '../../http/body/passthrough.ts';
import { leaseKey } from '../../shared-limits/lease-key.ts';
import type { LeaseSource } from '../../shared-limits/messages.ts';
import { NodeConnectionSlots } from '../../shared-limits/worker/node-connection-slots.ts';
import { TokenBucket } from '../../shared-limits/worker/token-bucket.ts';

/** Limits for one node, over all workers; 0 is no limit. */
export interface TrafficLimits {
  readonly requests: number;
  /** Bytes of request bodies. */
  readonly bytes: number;
  /** Connections open at a time. */
  readonly connections: number;
  /** How long a request waits for them, ms. */
  readonly wait: number;
}

/** Admits requests to one node as its limits say. */
export class NodeTraffic {
  /** Null when there may be any number. */
  readonly connections: NodeConnectionSlots | null;
  readonly #wait: number;
  readonly #requests: TokenBucket | null;
  readonly #bytes: TokenBucket | null;

  constructor(cluster: string, node: string, limits: TrafficLimits, leases: LeaseSource) {
    const { wait, connections } = limits;
    this.#wait = wait;
    const bucket = (subject: 'requests' | 'bytes', whole: boolean): TokenBucket | null => {
      const [key, rate] = [leaseKey(subject, cluster, node), limits[subject]];
      return rate === 0 ? null : new TokenBucket(leases, key, rate, whole);
    };
    this.#requests = bucket('requests', false);
    this.#bytes = bucket('bytes', true);
    const key = leaseKey('node', cluster, node);
    this.connections = connections === 0 ? null : new NodeConnectionSlots(leases, key, wait);
  }

  /** Milliseconds that a request waits at most. */
  get patience(): number {
    return this.#wait;
  }

  /**
   * Whether the request may go on now. If not, `admitted` is called later, with false when it has
   * waited too long, and what is given ends the waiting.
   */
  admit(body: Body, admitted: (granted: boolean) => void): true | (() => void) {
    // Bytes first: a request that has to wait for them spends nothing meanwhile.
    const bytes = this.#bytes;
    const size = lengthOf(body) ?? 1;
    if (bytes !== null && size > 0 && !bytes.take(size)) {
      let cancel: () => void = () => {};
      const began = performance.now();
      cancel = bytes.wait(size, this.#wait, (granted) => {
        const left = this.#wait - (performance.now() - began);
        const requests = granted ? this.#request(Math.max(0, left), admitted) : true;
        if (!granted) admitted(false);
        else if (requests === true) admitted(true);
        else cancel = requests;
      });
      return () => cancel();
    }
    return this.#request(this.#wait, admitted);
  }

  /** The body as it has to be sent, so that what could not be known of it is charged. */
  metered(body: Body): Body {
    if (this.#bytes === null || lengthOf(body) !== undefined) return body;
    return new MeteredBody(body as BodySource, this.#bytes);
  }

  #request(timeout: number, admitted: (granted: boolean) => void): true | (() => void) {
    const requests = this.#requests;
    if (requests === null || requests.take(1)) return true;
    return requests.wait(1, timeout, admitted);
  }
}

/** A body whose length shows only as it passes. */
class MeteredBody extends PassingBody {
  readonly #bucket: TokenBucket;

  constructor(source: BodySource, bucket: TokenBucket) {
    super(source);
    this.#bucket = bucket;
  }

  override write(chunk: Buffer): boolean {
    this.#bucket.charge(chunk.length);
    return super.write(chunk);
  }
}

import { type Body, type BodySource, lengthOf } from '../../http/body/body.ts';
import { PassingBody } from '../../http/body/passthrough.ts';
import type { QuotaKind } from '../../ipc/messages.ts';
import {
  ConnectionPermits,
  type PermitSource,
} from '../../shared-limits/worker/node-connection-slots.ts';
import { Quota } from '../../shared-limits/worker/token-bucket.ts';

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

/** How the limits of a cluster's nodes speak with the primary. */
export interface TrafficChannel {
  /** Asks for tokens of a node; answered by `NodeTraffic.grant`. */
  wantQuota(node: string, kind: QuotaKind, count: number): void;
  /** Asks for permits for connections to a node; answered by `NodeTraffic.connections.grant`. */
  wantPermits(node: string, count: number): void;
  returnPermits(node: string, count: number): void;
}

/** Admits requests to one node as its limits say. */
export class NodeTraffic {
  /** What connections are opened on; null when there may be any number. */
  readonly connections: ConnectionPermits | null;
  readonly #wait: number;
  readonly #requests: Quota | null;
  readonly #bytes: Quota | null;

  constructor(node: string, limits: TrafficLimits, channel: TrafficChannel) {
    const { wait, connections } = limits;
    this.#wait = wait;
    const quota = (kind: QuotaKind): Quota | null => {
      const rate = limits[kind];
      return rate === 0 ? null : new Quota(rate, (count) => channel.wantQuota(node, kind, count));
    };
    this.#requests = quota('requests');
    this.#bytes = quota('bytes');
    const source: PermitSource = {
      request: (count) => channel.wantPermits(node, count),
      give: (count) => channel.returnPermits(node, count),
    };
    this.connections = connections === 0 ? null : new ConnectionPermits(wait, source);
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

  grant(kind: QuotaKind, count: number): void {
    (kind === 'bytes' ? this.#bytes : this.#requests)?.grant(count);
  }

  #request(timeout: number, admitted: (granted: boolean) => void): true | (() => void) {
    const requests = this.#requests;
    if (requests === null || requests.take(1)) return true;
    return requests.wait(1, timeout, admitted);
  }
}

/** A body whose length shows only as it passes. */
class MeteredBody extends PassingBody {
  readonly #quota: Quota;

  constructor(source: BodySource, quota: Quota) {
    super(source);
    this.#quota = quota;
  }

  override write(chunk: Buffer): boolean {
    this.#quota.charge(chunk.length);
    return super.write(chunk);
  }
}

/** Why a client was rejected before its first request. */
export const rejectionReasons = [
  /** Over max_concurrency or max_conns_per_ip. */
  'limit',
  /** By ip_access_control. */
  'address',
  /** It uses the PROXY protocol, and is not in trusted_addresses. */
  'untrusted_proxy',
  /** No well-formed PROXY protocol header came in time. */
  'proxy_header',
  /** The TLS handshake failed. */
  'handshake',
  /** Plain HTTP on a TLS port. */
  'plain_http',
  /** Its certificate does not verify. */
  'client_certificate',
  /** Malformed input, or a request that may not be served. */
  'malformed',
  /** No descriptor was free for a connection (RLIMIT_NOFILE), or not before its first request. */
  'accept',
  /** A request's head was incomplete after head_timeout (408). */
  'head_timeout',
  /** A request's head was too large (431). */
  'head_too_large',
] as const;

export type RejectionReason = (typeof rejectionReasons)[number];

/** The reason of a response with `status` that is sent before there is a request. */
export function rejectionFor(status: number): RejectionReason {
  if (status === 408) return 'head_timeout';
  return status === 431 ? 'head_too_large' : 'malformed';
}

/** Counts by reason, in the order of `rejectionReasons`. New reasons come last, for upgrades. */
export type RejectionTally = readonly number[];

export const noRejections: RejectionTally = rejectionReasons.map(() => 0);

export function addRejections(one: RejectionTally, other: RejectionTally): RejectionTally {
  return one.map((count, index) => count + (other[index] ?? 0));
}

/** Counts of one entry in one worker. */
export class RejectionCounts {
  readonly #counts = [...noRejections];

  add(reason: RejectionReason): void {
    const index = rejectionReasons.indexOf(reason);
    this.#counts[index] = (this.#counts[index] as number) + 1;
  }

  get tally(): RejectionTally {
    return [...this.#counts];
  }
}

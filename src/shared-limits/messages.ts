/**
 * The lease protocol. A limit that holds over all workers is kept by one keeper, in the primary;
 * workers lease parts of it in advance. A lease is of `slots`, of which there is a fixed number and
 * which are returned when a connection closes, or of `tokens`, which are spent and refilled with time.
 */
export type LeaseToKeeper = LeaseRequest | LeaseReturn | LeaseSettlement;
export type LeaseToHolder = LeaseGrant | LeaseRecall;

/** Asks for `amount`; always answered by one `lease-grant`. */
export type LeaseRequest =
  | {
      readonly type: 'lease-request';
      readonly kind: 'slots';
      readonly key: string;
      readonly amount: number;
    }
  | {
      readonly type: 'lease-request';
      readonly kind: 'tokens';
      readonly key: string;
      readonly amount: number;
      /** Fewer are of no use. */
      readonly minimum: number;
      readonly rule: TokenRule;
    };

/** So much more may be used; 0 when nobody has that much to spare. */
export type LeaseGrant =
  | {
      readonly type: 'lease-grant';
      readonly kind: 'slots';
      readonly key: string;
      readonly amount: number;
    }
  | {
      readonly type: 'lease-grant';
      readonly kind: 'tokens';
      readonly key: string;
      readonly amount: number;
      /** Number of the interval that the tokens are of, and its end in `sharedNow` time; 0 without. */
      readonly window: number;
      readonly until: number;
    };

/** Another holder needs some: return what is not used. Answered by a `lease-return`, even of 0. */
export interface LeaseRecall {
  readonly type: 'lease-recall';
  readonly kind: LeaseKind;
  readonly key: string;
}

export interface LeaseReturn {
  readonly type: 'lease-return';
  readonly kind: LeaseKind;
  readonly key: string;
  readonly amount: number;
  /** Of tokens: the interval that they were granted for. */
  readonly window?: number;
}

/** So many slots were used without a grant, while the keeper was silent. */
export interface LeaseSettlement {
  readonly type: 'lease-settle';
  readonly key: string;
  readonly amount: number;
}

export type LeaseKind = 'slots' | 'tokens';

/** How the tokens of a key come into being. */
export interface TokenRule {
  /** Tokens for each interval. */
  readonly max: number;
  /** Tokens that may be had in one interval after others in which fewer were used; at least `max`. */
  readonly burst: number;
  readonly intervalMs: number;
  /**
   * `windows`: all of an interval's tokens at its beginning; a request that finds too few is refused.
   * `steady`: one after the other; a request waits for the next one, and may then owe the rest.
   */
  readonly refill: 'windows' | 'steady';
}

/** Who asks for leases in a worker, for one key. */
export interface LeaseUser {
  /** The answer to a request. */
  granted(grant: LeaseGrant): void;
  /** Has to return what is not used. */
  recalled(): void;
}

/** Where a worker's users of leases get them from. */
export interface LeaseSource {
  /** Asks for more; answered by `user.granted`, never at once. One request at a time for each key. */
  request(request: LeaseRequest, user: LeaseUser): void;
  return(returned: LeaseReturn): void;
  /** Tokens of this key that are still there have expired. */
  forget(key: string): void;
}

const origin = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now();

/** Milliseconds of a clock that never jumps and is the same for all processes of this machine. */
export function sharedNow(): number {
  return origin + performance.now();
}

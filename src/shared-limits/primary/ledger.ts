import type { LeaseGrant, LeaseKind, LeaseToHolder } from '../messages.ts';

/** Who is granted leases: a worker, or another keeper. */
export interface LeaseHolder {
  /** Of its configuration; of several, the newest one decides on a rule. */
  readonly generation: { readonly number: number };
  send(message: LeaseToHolder): void;
}

/** A holder that waits for an answer. */
export interface PendingRequest {
  readonly holder: LeaseHolder;
  readonly amount: number;
  /** Fewer are of no use. */
  readonly minimum: number;
  /** The other holders were asked for what they can spare after it came. */
  recalled: boolean;
}

/** What there is of one key, who has it, and who waits for it. */
export abstract class Ledger {
  readonly key: string;
  /** In the order in which they came. */
  requests: PendingRequest[] = [];
  /** Runs while the first request waits for tokens to come. */
  timer: NodeJS.Timeout | null = null;
  /** Holders that were asked for what they can spare and have not answered. */
  readonly recalled = new Set<LeaseHolder>();
  abstract readonly kind: LeaseKind;

  constructor(key: string) {
    this.key = key;
  }

  /** The most that one of so many holders may get now; 0 when that would be less than `minimum`. */
  abstract available(minimum: number, holders: number): number;
  abstract lend(holder: LeaseHolder, amount: number): LeaseGrant;
  abstract takeBack(holder: LeaseHolder, amount: number, window: number): void;
  /** Takes note that the holder has nothing. */
  abstract forget(holder: LeaseHolder): void;
  /** Holders to recall from: each may have something that it does not use. */
  abstract askable(): LeaseHolder[];
  /** Nothing would be lost if this ledger were begun anew; what the delegate has does not count. */
  abstract isUnused(now: number, delegate: LeaseHolder | null): boolean;

  /** When the first request can be granted by waiting, ms; 0 if waiting does not help. */
  get waitMs(): number {
    return 0;
  }
}

/** Nobody gets more than a fair part of what is left, so that little has to be recalled. */
export function fairPart(left: number, minimum: number, holders: number): number {
  return left < minimum ? 0 : Math.max(minimum, Math.ceil(left / (2 * Math.max(1, holders))));
}

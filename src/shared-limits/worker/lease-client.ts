import type { GatewayConfig } from '../../config/types.ts';
import type { ToPrimary } from '../../ipc/messages.ts';
import type {
  LeaseGrant,
  LeaseRequest,
  LeaseReturn,
  LeaseSource,
  LeaseToHolder,
  LeaseUser,
} from '../messages.ts';
import { OwnShare } from './own-share.ts';

/** A request that waits for this long makes the worker ask whether the primary is there, ms. */
const ASKED_AFTER_MS = 500;
/** When the primary gives no sign of life for this long after that, it counts as silent, ms. */
const SILENT_AFTER_MS = 1500;

/** What this worker has, and waits for, of one key. */
interface Lease {
  user: LeaseUser;
  /** The request that the user waits with. */
  request: LeaseRequest | null;
  /** Whether the primary owes an answer. */
  asked: boolean;
  /** Slots; of tokens, 1 until they have expired. */
  held: number;
  /** Slots that were taken without the primary. */
  debt: number;
}

/**
 * Leases from the primary whatever this worker uses of limits that hold over all workers. While the
 * primary does not answer (it is stopped, or has died), the worker has its own share of each limit,
 * and settles afterwards.
 */
export class LeaseClient implements LeaseSource {
  readonly #send: (message: ToPrimary) => void;
  readonly #share: OwnShare;
  readonly #leases = new Map<string, Lease>();
  /** Answers that the primary owes. */
  #owed = 0;
  #silent = false;
  #orphaned = false;
  #heardAt = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(config: GatewayConfig, workers: number, send: (message: ToPrimary) => void) {
    this.#send = send;
    this.#share = new OwnShare(config, workers, (message) => this.#shareGranted(message));
  }

  request(request: LeaseRequest, user: LeaseUser): void {
    let lease = this.#leases.get(request.key);
    if (lease === undefined) {
      lease = { user, request, asked: false, held: 0, debt: 0 };
      this.#leases.set(request.key, lease);
    }
    lease.user = user;
    lease.request = request;
    if (this.#silent) setImmediate(() => this.#resume(request));
    else this.#ask(lease, request);
  }

  return(returned: LeaseReturn): void {
    const { kind, key, window = 0 } = returned;
    let { amount } = returned;
    const lease = this.#leases.get(key);
    if (window < 0) {
      this.#share.returnTokens(returned);
      amount = 0;
    } else if (lease && kind === 'slots') {
      lease.held -= amount;
      const settled = Math.min(amount, lease.debt);
      lease.debt -= settled;
      amount -= settled;
    }
    // Even nothing may be an answer.
    this.#tell({ ...returned, amount });
    this.#forgetUnused(key);
  }

  forget(key: string): void {
    const lease = this.#leases.get(key);
    if (lease) lease.held = 0;
    this.#forgetUnused(key);
  }

  /** Comes with every message of the primary, before it is processed. */
  primaryHeard(): void {
    this.#heardAt = performance.now();
    if (this.#silent && !this.#orphaned) this.#settle();
  }

  receive(message: LeaseToHolder): void {
    const { kind, key } = message;
    const lease = this.#leases.get(key);
    if (message.type === 'lease-recall') {
      if (lease) lease.user.recalled();
      else this.#tell({ type: 'lease-return', kind, key, amount: 0 });
      return;
    }
    if (lease?.asked) {
      lease.asked = false;
      this.#owed--;
    }
    if (lease?.request) this.#grant(lease, message);
    else {
      // It was answered out of the worker's own share meanwhile.
      if (message.amount > 0) this.#tell(returnOf(message));
      this.#forgetUnused(key);
    }
  }

  /** The primary has died. */
  orphaned(): void {
    this.#orphaned = true;
    this.#doWithout();
  }

  #ask(lease: Lease, request: LeaseRequest): void {
    if (lease.asked) return;
    lease.asked = true;
    this.#owed++;
    this.#tell(request);
    this.#watch();
  }

  #grant(lease: Lease, grant: LeaseGrant): void {
    lease.request = null;
    if (grant.kind === 'slots') lease.held += grant.amount;
    else lease.held = grant.window === 0 ? 0 : 1;
    lease.user.granted(grant);
    this.#forgetUnused(grant.key);
  }

  /** Goes on with a request that was made while the primary was silent. */
  #resume(request: LeaseRequest): void {
    const lease = this.#leases.get(request.key);
    if (lease?.request !== request) return;
    if (this.#silent) this.#grantOwn(lease, request);
    else this.#ask(lease, request);
  }

  /** Answers out of the worker's own share. */
  #grantOwn(lease: Lease, request: LeaseRequest): void {
    if (request.kind === 'tokens') {
      this.#share.requestTokens(request);
      return;
    }
    const { kind, key, amount: wanted } = request;
    const amount = Math.max(0, Math.min(wanted, this.#share.slots(key) - lease.held));
    lease.debt += amount;
    this.#grant(lease, { type: 'lease-grant', kind, key, amount });
  }

  #shareGranted(message: LeaseToHolder): void {
    if (message.type === 'lease-recall') return;
    const lease = this.#leases.get(message.key);
    if (lease?.request) this.#grant(lease, message);
    else this.#share.returnTokens(returnOf(message));
  }

  /** Looks whether the primary answers, for as long as it owes an answer. */
  #watch(): void {
    if (this.#orphaned || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#owed === 0) return;
      const askedAt = performance.now();
      this.#tell({ type: 'ping' });
      this.#timer = setTimeout(() => {
        // Messages that came meanwhile are read first.
        setImmediate(() => this.#judge(askedAt));
      }, SILENT_AFTER_MS).unref();
    }, ASKED_AFTER_MS).unref();
  }

  #judge(askedAt: number): void {
    this.#timer = null;
    if (this.#heardAt > askedAt) this.#watch();
    else if (!this.#silent) this.#doWithout();
  }

  #doWithout(): void {
    this.#silent = true;
    // Their answers may make users ask again, which is for later.
    const waiting = [...this.#leases.values()].filter(({ request }) => request !== null);
    for (const lease of waiting) if (lease.request) this.#grantOwn(lease, lease.request);
  }

  /** The primary is back: it learns which slots were taken without it. */
  #settle(): void {
    this.#silent = false;
    for (const [key, lease] of this.#leases) {
      if (lease.debt === 0) continue;
      this.#tell({ type: 'lease-settle', key, amount: lease.debt });
      lease.debt = 0;
    }
  }

  #tell(message: ToPrimary): void {
    if (!this.#orphaned) this.#send(message);
  }

  /** There are as many addresses as there are clients. */
  #forgetUnused(key: string): void {
    const lease = this.#leases.get(key);
    if (!lease || lease.request !== null || lease.asked) return;
    if (lease.held <= 0 && lease.debt === 0) this.#leases.delete(key);
  }
}

function returnOf(grant: LeaseGrant): LeaseReturn {
  const { kind, key, amount } = grant;
  const window = kind === 'tokens' ? grant.window : 0;
  return { type: 'lease-return', kind, key, amount, window };
}

import type { GatewayConfig } from '../config/types.ts';
import type { QuotaKey, ToPrimary, ToWorker } from '../ipc/messages.ts';
import type { LimitToPrimary, LimitToWorker } from '../shared-limits/messages.ts';
import { LocalShares, type RateWish } from './local-shares.ts';
import type { RequestServer } from './serving.ts';

/** A wish that waits for this long makes the worker ask whether the primary is there, ms. */
const ASKED_AFTER = 500;
/** When the primary gives no sign of life for this long after that, it counts as silent, ms. */
const SILENT_AFTER = 1500;

type LimitAnswer =
  | LimitToWorker
  | Extract<ToWorker, { type: 'permits-granted' | 'permits-recalled' | 'quota-granted' }>;

/** The permits of one name, as they are lent to this worker. */
interface Loan {
  /** What this worker has. */
  held: number;
  /** Of these, taken without the primary. */
  debt: number;
  /** What is waited for here, or 0. */
  wish: number;
  /** Whether the primary owes an answer. */
  asked: boolean;
}

/**
 * Speaks with the primary about limits that hold over all workers. While the primary does not answer
 * (it is stopped, or has died), the worker has its own share of each limit, and settles afterwards.
 */
export class LimitChannel {
  readonly #send: (message: ToPrimary) => void;
  readonly #serving: () => RequestServer | null;
  readonly #shares: LocalShares;
  readonly #loans = new Map<string, Loan>();
  /** Other wishes that the primary has yet to answer. */
  readonly #wishes = new Map<string, RateWish>();
  #silent = false;
  #orphaned = false;
  #heardAt = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(
    config: GatewayConfig,
    workers: number,
    send: (message: ToPrimary) => void,
    serving: () => RequestServer | null,
  ) {
    this.#send = send;
    this.#serving = serving;
    this.#shares = new LocalShares(config, workers, (message) => this.#deliver(message));
  }

  requestPermits(name: string, count: number): void {
    const loan = this.#loan(name);
    loan.wish = count;
    if (!this.#silent) this.#ask(name, loan);
    else {
      setImmediate(() => {
        if (this.#silent) this.#grantOwn(name);
        else this.#ask(name, loan);
      });
    }
  }

  returnPermits(name: string, count: number): void {
    const loan = this.#loan(name);
    loan.held -= count;
    const settled = Math.min(count, loan.debt);
    loan.debt -= settled;
    // Even none may be an answer.
    this.#tell({ type: 'permits-returned', entry: name, count: count - settled });
    this.#forgetUnused(name, loan);
  }

  wantQuota(key: QuotaKey, count: number): void {
    this.#want(quotaName(key), { type: 'quota-wanted', key, count });
  }

  sendLimit(message: LimitToPrimary): void {
    if (message.type === 'limit-wanted')
      this.#want(limitName(message.spec.id, message.key), message);
    else if (!this.#shares.returned(message)) this.#tell(message);
  }

  /** Comes with every message of the primary, before it is taken. */
  primaryHeard(): void {
    this.#heardAt = performance.now();
    if (this.#silent && !this.#orphaned) this.#settle();
  }

  take(message: LimitAnswer): void {
    switch (message.type) {
      case 'permits-granted':
        this.#granted(message.entry, message.count);
        break;
      case 'permits-recalled': {
        const serving = this.#serving();
        if (serving) serving.recallPermits(message.entry);
        else this.returnPermits(message.entry, 0);
        break;
      }
      case 'quota-granted':
        this.#wishes.delete(quotaName(message.key));
        this.#deliver(message);
        break;
      case 'limit-granted':
        this.#wishes.delete(limitName(message.id, message.key));
        this.#deliver(message);
        break;
      case 'limit-recalled':
        this.#deliver(message);
        break;
    }
  }

  /** The primary has died. */
  orphaned(): void {
    this.#orphaned = true;
    this.#doWithout();
  }

  #ask(name: string, loan: Loan): void {
    if (loan.asked) return;
    loan.asked = true;
    this.#tell({ type: 'permits-wanted', entry: name, count: loan.wish });
    this.#watch();
  }

  #granted(name: string, count: number): void {
    const loan = this.#loan(name);
    loan.asked = false;
    loan.held += count;
    if (loan.wish > 0) {
      loan.wish = 0;
      this.#serving()?.grantPermits(name, count);
    } else if (count > 0) this.returnPermits(name, count);
    this.#forgetUnused(name, loan);
  }

  /** Answers a wish out of the worker's own share. */
  #grantOwn(name: string): void {
    const loan = this.#loan(name);
    if (loan.wish === 0) return;
    const count = Math.max(0, Math.min(loan.wish, this.#shares.permits(name) - loan.held));
    loan.wish = 0;
    loan.held += count;
    loan.debt += count;
    this.#serving()?.grantPermits(name, count);
    this.#forgetUnused(name, loan);
  }

  #want(name: string, message: RateWish): void {
    if (this.#silent) {
      this.#shares.wanted(message);
      return;
    }
    this.#wishes.set(name, message);
    this.#tell(message);
    this.#watch();
  }

  /** Looks whether the primary answers, for as long as something is wanted of it. */
  #watch(): void {
    if (this.#orphaned || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#wishes.size === 0 && ![...this.#loans.values()].some(({ asked }) => asked)) return;
      const askedAt = performance.now();
      this.#tell({ type: 'ping' });
      this.#timer = setTimeout(() => {
        // What has come meanwhile is read first.
        setImmediate(() => this.#judge(askedAt));
      }, SILENT_AFTER);
    }, ASKED_AFTER);
  }

  #judge(askedAt: number): void {
    this.#timer = null;
    if (this.#heardAt > askedAt) this.#watch();
    else if (!this.#silent) this.#doWithout();
  }

  #doWithout(): void {
    this.#silent = true;
    for (const name of this.#loans.keys()) this.#grantOwn(name);
    const wishes = [...this.#wishes.values()];
    this.#wishes.clear();
    for (const message of wishes) this.#shares.wanted(message);
  }

  /** The primary is back: it is told what was taken without it. */
  #settle(): void {
    this.#silent = false;
    for (const [name, loan] of this.#loans) {
      if (loan.debt === 0) continue;
      this.#tell({ type: 'permits-taken', entry: name, count: loan.debt });
      loan.debt = 0;
    }
  }

  #deliver(message: ToWorker): void {
    const serving = this.#serving();
    if (message.type === 'quota-granted') serving?.clusters.grant(message.key, message.count);
    else if (message.type === 'limit-granted' || message.type === 'limit-recalled') {
      serving?.limits.take(message);
    }
  }

  #tell(message: ToPrimary): void {
    if (!this.#orphaned) this.#send(message);
  }

  #loan(name: string): Loan {
    let loan = this.#loans.get(name);
    if (loan === undefined) {
      loan = { held: 0, debt: 0, wish: 0, asked: false };
      this.#loans.set(name, loan);
    }
    return loan;
  }

  /** There are as many addresses as there are clients. */
  #forgetUnused(name: string, { held, debt, wish, asked }: Loan): void {
    if (held <= 0 && debt === 0 && wish === 0 && !asked) this.#loans.delete(name);
  }
}

function quotaName(key: QuotaKey): string {
  return `${key.kind} ${key.cluster} ${key.node}`;
}

/** Begins as no name of a quota does. */
function limitName(id: string, key: string): string {
  return `\0${id}\0${key}`;
}

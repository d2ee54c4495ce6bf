import { leaseScope } from '../lease-key.ts';
import {
  type LeaseRequest,
  type LeaseReturn,
  type LeaseSettlement,
  type LeaseToKeeper,
  sharedNow,
} from '../messages.ts';
import type { Ledger, LeaseHolder } from './ledger.ts';
import { SlotLedger } from './slot-ledger.ts';
import type { SlotLimit } from './slot-limits.ts';
import { TokenLedger } from './token-ledger.ts';

/** How often ledgers are looked for that nobody needs any more, ms. */
const SWEEP_MS = 1000;
/** Slots returned at a time to the keeper that they were delegated to, at most. */
const RECLAIMED = 64;

/**
 * Keeps limits that hold over all holders of leases. It knows of a holder only that it sends and
 * receives messages, and every answer may come later, so that a keeper for several machines, over
 * Redis for one, can stand in this one's place.
 */
export interface LeaseKeeper {
  add(holder: LeaseHolder): void;
  /** The holder is gone, and with it its connections and what it had not spent. */
  remove(holder: LeaseHolder): void;
  /** It no longer responds, or does so again: nobody waits for what it could spare. */
  setAbsent(holder: LeaseHolder, isAbsent: boolean): void;
  /**
   * Takes the slots of a configuration; a lower number is reached as connections close. Limits that
   * are no more are kept, for the workers that drain. Tokens have their rule in each request.
   */
  setLimits(limits: readonly SlotLimit[]): void;
  /** Always answered by a grant; of 0 only after the other holders were asked for what they can spare. */
  request(holder: LeaseHolder, request: LeaseRequest): void;
  return(holder: LeaseHolder, returned: LeaseReturn): void;
  /** The limit may be exceeded until what was used without a grant is returned. */
  settle(holder: LeaseHolder, settlement: LeaseSettlement): void;
  /** Another keeper has every slot until it is asked for some. Comes before all other holders. */
  delegate(holder: LeaseHolder): void;
  /** That keeper wants slots back, and is granted those that can be spared. */
  reclaim(holder: LeaseHolder, key: string): void;
}

export function deliver(keeper: LeaseKeeper, holder: LeaseHolder, message: LeaseToKeeper): void {
  if (message.type === 'lease-request') keeper.request(holder, message);
  else if (message.type === 'lease-return') keeper.return(holder, message);
  else keeper.settle(holder, message);
}

/** The keeper of one machine. */
export class LocalLeaseKeeper implements LeaseKeeper {
  readonly #ledgers = new Map<string, Ledger>();
  readonly #slots = new Map<string, number>();
  readonly #holders = new Set<LeaseHolder>();
  readonly #absent = new Set<LeaseHolder>();
  readonly #windowStep: number;
  #delegate: LeaseHolder | null = null;
  #sweeper: NodeJS.Timeout | null = null;

  /** @param windowStep -1 numbers the intervals of tokens otherwise than another keeper does */
  constructor(windowStep: 1 | -1 = 1) {
    this.#windowStep = windowStep;
  }

  /** Ledgers in use, for tests. */
  get size(): number {
    return this.#ledgers.size;
  }

  add(holder: LeaseHolder): void {
    this.#holders.add(holder);
  }

  remove(holder: LeaseHolder): void {
    this.#holders.delete(holder);
    this.#absent.delete(holder);
    if (holder === this.#delegate) this.#delegate = null;
    for (const ledger of this.#ledgers.values()) {
      ledger.requests = ledger.requests.filter((request) => request.holder !== holder);
      ledger.forget(holder);
      ledger.recalled.delete(holder);
      this.#serve(ledger);
    }
  }

  setAbsent(holder: LeaseHolder, isAbsent: boolean): void {
    if (!isAbsent) {
      this.#absent.delete(holder);
      return;
    }
    this.#absent.add(holder);
    for (const ledger of this.#ledgers.values()) {
      if (ledger.recalled.delete(holder)) this.#serve(ledger);
    }
  }

  setLimits(limits: readonly SlotLimit[]): void {
    for (const { scope, max } of limits) this.#slots.set(scope, max || Infinity);
    for (const ledger of this.#ledgers.values()) {
      if (!(ledger instanceof SlotLedger)) continue;
      ledger.limit = this.#limitOf(ledger.key);
      if (ledger.free < 0) recall(ledger, ledger.askable());
      this.#serve(ledger);
    }
  }

  request(holder: LeaseHolder, request: LeaseRequest): void {
    const { amount } = request;
    const pending = { holder, amount, minimum: 1, recalled: false };
    if (request.kind === 'slots') {
      const ledger = this.#slotLedger(request.key);
      ledger.requests.push(pending);
      this.#serve(ledger);
      return;
    }
    const ledger = this.#tokenLedger(holder, request);
    // A holder asks when it has nothing left.
    ledger.forget(holder);
    ledger.requests.push({ ...pending, minimum: request.minimum });
    this.#serve(ledger);
  }

  return(holder: LeaseHolder, { kind, key, amount, window = 0 }: LeaseReturn): void {
    const ledger = kind === 'slots' ? this.#slotLedger(key) : this.#ledgers.get(key);
    if (ledger === undefined) return;
    ledger.takeBack(holder, amount, window);
    ledger.recalled.delete(holder);
    this.#serve(ledger);
  }

  settle(holder: LeaseHolder, { key, amount }: LeaseSettlement): void {
    this.#slotLedger(key).lend(holder, amount);
  }

  delegate(holder: LeaseHolder): void {
    this.#holders.add(holder);
    this.#delegate = holder;
  }

  reclaim(holder: LeaseHolder, key: string): void {
    const ledger = this.#slotLedger(key);
    // While it is itself asked for some, both keepers would wait for each other.
    if (ledger.recalled.has(holder)) holder.send(ledger.lend(holder, 0));
    else this.request(holder, { type: 'lease-request', kind: 'slots', key, amount: RECLAIMED });
  }

  #limitOf(key: string): number {
    return this.#slots.get(leaseScope(key)) ?? Infinity;
  }

  #slotLedger(key: string): SlotLedger {
    const known = this.#ledgers.get(key);
    if (known instanceof SlotLedger) return known;
    const ledger = new SlotLedger(key, this.#limitOf(key));
    // An unlimited number of slots needs no delegate.
    if (this.#delegate && ledger.limit < Infinity) ledger.lend(this.#delegate, ledger.limit);
    this.#open(ledger);
    return ledger;
  }

  #tokenLedger(holder: LeaseHolder, { key, rule }: LeaseRequest & { kind: 'tokens' }): TokenLedger {
    const { number: generation } = holder.generation;
    const known = this.#ledgers.get(key);
    if (known instanceof TokenLedger) {
      // A reload that was abandoned leaves rules that no holder is of.
      const isNewest = generation >= known.generation || !this.#hasGeneration(known.generation);
      if (isNewest) known.follow(rule, generation);
      return known;
    }
    const ledger = new TokenLedger(key, rule, generation, this.#windowStep);
    this.#open(ledger);
    return ledger;
  }

  #hasGeneration(number: number): boolean {
    for (const { generation } of this.#holders) if (generation.number === number) return true;
    return false;
  }

  #open(ledger: Ledger): void {
    this.#ledgers.set(ledger.key, ledger);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** Grants what there is, in order; when it is too little, asks the other holders for some first. */
  #serve(ledger: Ledger): void {
    for (let next = ledger.requests[0]; next !== undefined; next = ledger.requests[0]) {
      const { holder, amount, minimum } = next;
      const available = ledger.available(minimum, this.#holders.size);
      if (available === 0) {
        if (ledger.recalled.size > 0 || this.#wait(ledger)) return;
        if (!next.recalled && this.#recall(ledger)) return;
      }
      ledger.requests.shift();
      // It may get more than it needs, so the others have to ask it again before they are refused.
      if (available > 0) for (const request of ledger.requests) request.recalled = false;
      holder.send(ledger.lend(holder, Math.min(available, Math.max(minimum, amount))));
    }
  }

  /** Whether the first request is granted by waiting. */
  #wait(ledger: Ledger): boolean {
    const { waitMs } = ledger;
    if (waitMs === 0) return false;
    ledger.timer ??= setTimeout(() => {
      ledger.timer = null;
      this.#serve(ledger);
    }, waitMs).unref();
    return true;
  }

  /** Whether there is a holder that may have some to spare; those are asked. */
  #recall(ledger: Ledger): boolean {
    const { requests, recalled } = ledger;
    for (const request of requests) request.recalled = true;
    const asking = new Set(requests.map(({ holder }) => holder));
    for (const holder of ledger.askable()) {
      if (this.#absent.has(holder) || (asking.size === 1 && asking.has(holder))) continue;
      recalled.add(holder);
    }
    recall(ledger, recalled);
    return recalled.size > 0;
  }

  /** Forgets ledgers that nobody needs: there are as many keys as there are clients. */
  #sweep(): void {
    const now = sharedNow();
    for (const ledger of this.#ledgers.values()) {
      const isNeeded = ledger.requests.length > 0 || ledger.recalled.size > 0;
      if (isNeeded || !ledger.isUnused(now, this.#delegate)) continue;
      this.#ledgers.delete(ledger.key);
      if (this.#delegate && ledger instanceof SlotLedger) returnTo(this.#delegate, ledger);
    }
    if (this.#ledgers.size > 0 || this.#sweeper === null) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  }
}

function recall({ kind, key }: Ledger, holders: Iterable<LeaseHolder>): void {
  for (const holder of holders) holder.send({ type: 'lease-recall', kind, key });
}

/** The delegate has every slot of a key that is not used here. */
function returnTo(delegate: LeaseHolder, ledger: SlotLedger): void {
  const { free } = ledger;
  if (free > 0 && free < Infinity) delegate.send(ledger.lend(delegate, free));
}

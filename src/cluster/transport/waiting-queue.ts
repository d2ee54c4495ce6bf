import { GatewayError } from '../../errors.ts';
import { clock, type Timed } from '../../runtime/deadline-timers.ts';
import type { NodeConnectionSlots } from '../../shared-limits/worker/node-connection-slots.ts';
import type { ConnectionSettings, FailurePhase } from './transport.ts';

/** An exchange that can wait for a connection. */
export interface WaitingExchange<Self> {
  /** Called when the exchange is given up while it waits. */
  onAbort: ((exchange: Self) => void) | null;
  breakOff(error: Error, phase: FailurePhase): void;
}

/** The transport whose connections are waited for. */
export interface QueueOwner {
  /** Whether another connection may be opened, but for a slot. */
  readonly hasRoom: boolean;
  /** An exchange has left the queue without a connection. */
  onLeft(): void;
}

/** Requests of one node without a connection, the first to come the first to be served. */
export class WaitingQueue<Exchange extends WaitingExchange<Exchange>> implements Timed {
  /** When the first has waited long enough. */
  deadline = Infinity;
  place = -1;
  readonly #node: string;
  readonly #waitTimeoutMs: number;
  readonly #slots: NodeConnectionSlots | null;
  readonly #maxSize: number;
  readonly #owner: QueueOwner;
  /** With the clock's time at which each gives up. */
  readonly #exchanges = new Map<Exchange, number>();

  constructor(
    node: string,
    { waitTimeout }: ConnectionSettings,
    slots: NodeConnectionSlots | null,
    maxSize: number,
    owner: QueueOwner,
  ) {
    this.#node = node;
    this.#waitTimeoutMs = waitTimeout;
    this.#slots = slots;
    this.#maxSize = maxSize;
    this.#owner = owner;
  }

  get size(): number {
    return this.#exchanges.size;
  }

  get first(): Exchange | undefined {
    return this.#exchanges.size === 0 ? undefined : this.#exchanges.keys().next().value;
  }

  /** In their order; those that are removed meanwhile are left out. */
  [Symbol.iterator](): Iterator<Exchange> {
    return this.#exchanges.keys();
  }

  /** False when the queue is full: the exchange is refused. */
  add(exchange: Exchange): boolean {
    if (this.#exchanges.size >= this.#maxSize) {
      this.refuseSoon(exchange, 'too many requests wait for one');
      return false;
    }
    exchange.onAbort = this.#onAbort;
    const patience = this.#slots === null ? Infinity : clock.deadline(this.#slots.patienceMs);
    this.#exchanges.set(exchange, Math.min(clock.deadline(this.#waitTimeoutMs), patience));
    if (this.#exchanges.size === 1) {
      clock.add(this);
      this.#timeFirst();
    }
    return true;
  }

  /** The exchange gets a connection. */
  remove(exchange: Exchange): void {
    if (this.#exchanges.delete(exchange)) this.#timeFirst();
  }

  /** Ends the exchange, which gets no connection. */
  turnAway(exchange: Exchange, error: GatewayError): void {
    this.remove(exchange);
    exchange.breakOff(error, 'connect');
    this.#owner.onLeft();
  }

  refuseAll(reason: string): void {
    for (const exchange of this) this.#refuse(exchange, reason);
  }

  /** Ends the exchange later, as every failure does: the caller does not have it yet. */
  refuseSoon(exchange: Exchange, reason: string): void {
    queueMicrotask(() => this.#refuse(exchange, reason));
  }

  /** The first in the queue has waited too long. */
  expire(): void {
    const slots = this.#slots;
    for (const [exchange, deadline] of this.#exchanges) {
      if (deadline > clock.now) break;
      if (slots !== null && this.#owner.hasRoom) {
        const details = { node: this.#node, wait: slots.patienceMs };
        this.turnAway(exchange, new GatewayError('UPSTREAM_LIMITED', details));
      } else this.#refuse(exchange, `none within ${this.#waitTimeoutMs} ms`);
    }
    this.#timeFirst();
  }

  readonly #onAbort = (exchange: Exchange): void => {
    this.remove(exchange);
    this.#owner.onLeft();
  };

  #refuse(exchange: Exchange, reason: string): void {
    this.turnAway(exchange, new GatewayError('UPSTREAM_BUSY', { node: this.#node, reason }));
  }

  #timeFirst(): void {
    this.deadline = this.#exchanges.values().next().value ?? Infinity;
    if (this.#exchanges.size === 0) clock.delete(this);
  }
}

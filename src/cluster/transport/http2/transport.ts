import type { Socket } from 'node:net';
import type { GatewayError } from '../../../errors.ts';
import { clock } from '../../../runtime/deadline-timers.ts';
import type {
  NodeConnectionSlots,
  SlotUser,
} from '../../../shared-limits/worker/node-connection-slots.ts';
import { Http1Transport } from '../http1/transport.ts';
import { addressOf, type NodeAddress } from '../node-socket.ts';
import { type QueueOwner, WaitingQueue } from '../waiting-queue.ts';
import type {
  ConnectionSettings,
  Transport,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
} from '../transport.ts';
import { StreamExchange } from './exchange.ts';
import { NodeSession, type SessionOwner } from './session.ts';

/** How long a node that chose HTTP/1.1 is not asked again, ms. */
const http1Time = 60_000;
/** Requests that may wait while no connection can take them. */
const maxWaiting = 16_384;

/**
 * HTTP/2 to one node: over TLS if the node offers it, else HTTP/1.1; without TLS the node is known to
 * speak it. Requests share a connection as far as the node allows; another is opened when there is no
 * room on any.
 */
export class Http2Transport implements Transport, SessionOwner, SlotUser, QueueOwner {
  readonly #address: NodeAddress;
  readonly #settings: ConnectionSettings;
  readonly #slots: NodeConnectionSlots | null;
  readonly #http1: Http1Transport;
  readonly #sessions: NodeSession[] = [];
  readonly #waiting: WaitingQueue<StreamExchange>;
  /** Until when the node is taken to speak HTTP/1.1 only, in the clock's time. */
  #http1Until = -1;
  #destroyed = false;
  #closing: PromiseWithResolvers<void> | null = null;

  constructor(
    origin: string,
    settings: ConnectionSettings,
    slots: NodeConnectionSlots | null = null,
  ) {
    this.#address = addressOf(origin, settings);
    this.#settings = settings;
    this.#slots = slots;
    this.#http1 = new Http1Transport(origin, settings, slots);
    this.#waiting = new WaitingQueue(this.#address.label, settings, slots, maxWaiting, this);
  }

  send(request: UpstreamRequest, handler: UpstreamHandler): UpstreamExchange {
    // HTTP/2 knows no upgrade, and few nodes speak what it has in its place.
    if (request.upgrade !== undefined || clock.now < this.#http1Until) {
      return this.#http1.send(request, handler);
    }
    const exchange = new StreamExchange(request, handler);
    if (this.#destroyed) {
      this.#waiting.refuseSoon(exchange, 'it is shut down');
    } else if (!this.#carry(exchange)) this.#wait(exchange);
    return exchange;
  }

  get isScarce(): boolean {
    if (clock.now < this.#http1Until) return this.#http1.isScarce;
    const canOpen = this.#slots === null && this.hasRoom;
    return !canOpen && this.#sessions.every(({ isHalfFull }) => isHalfFull);
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>();
    this.#closeIdleSessions();
    this.#settleClose();
    await this.#closing.promise;
    // Not before: requests that wait may yet turn out to be for HTTP/1.1.
    await this.#http1.close();
  }

  destroy(): void {
    this.#destroyed = true;
    this.#waiting.refuseAll('it is shut down');
    for (const session of this.#sessions.toReversed()) session.destroy();
    this.#http1.destroy();
  }

  onReady(session: NodeSession): void {
    this.onRoom(session);
  }

  onRoom(session: NodeSession): void {
    for (const exchange of this.#waiting) {
      if (!session.hasRoom) break;
      this.#waiting.remove(exchange);
      session.carry(exchange);
    }
    const isUnneeded = this.#closing !== null || this.#slots?.owes === true;
    if (isUnneeded && session.isIdle) session.destroy();
    else this.#openIfNeeded();
  }

  onHttp1(session: NodeSession, socket: Socket): void {
    this.#http1Until = clock.now + http1Time;
    this.#sessions.splice(this.#sessions.indexOf(session), 1);
    let opened: Socket | null = socket;
    for (const exchange of this.#waiting) {
      this.#waiting.remove(exchange);
      exchange.onAbort = null;
      const { request, handler } = exchange;
      exchange.substitute =
        opened === null
          ? this.#http1.send(request, handler)
          : this.#http1.sendOn(opened, request, handler);
      opened = null;
    }
    if (opened !== null) {
      opened.destroy();
      this.#slots?.release();
    }
    this.#settleClose();
  }

  onClosed(session: NodeSession, error: GatewayError | null): void {
    this.#sessions.splice(this.#sessions.indexOf(session), 1);
    this.#slots?.release();
    if (error !== null && !this.#sessions.some(({ isReady }) => !isReady)) {
      // There was a connection for them, and there is none.
      for (const exchange of this.#waiting) this.#waiting.turnAway(exchange, error);
    }
    this.#openIfNeeded();
    this.#settleClose();
  }

  get lacking(): number {
    return this.#needsSession ? 1 : 0;
  }

  onSlots(): void {
    this.#openIfNeeded();
  }

  closeIdle(): boolean {
    const idle = this.#sessions.find(({ isIdle }) => isIdle);
    idle?.destroy();
    return idle !== undefined;
  }

  /** Gives the request to a connection that has room. */
  #carry(exchange: StreamExchange): boolean {
    for (const session of this.#sessions) {
      if (!session.hasRoom) continue;
      session.carry(exchange);
      return true;
    }
    return false;
  }

  #wait(exchange: StreamExchange): void {
    if (this.#waiting.add(exchange)) this.#openIfNeeded();
  }

  /** Whether requests wait that no connection is being opened for. */
  get #needsSession(): boolean {
    if (this.#waiting.size === 0 || !this.hasRoom || this.#destroyed) return false;
    return !this.#sessions.some(({ isReady }) => !isReady);
  }

  get hasRoom(): boolean {
    return this.#sessions.length < this.#settings.maxConnections;
  }

  #openIfNeeded(): void {
    if (!this.#needsSession) return;
    if (this.#slots?.take() === false) this.#slots.want(this);
    else {
      this.#address.name?.advance();
      this.#sessions.push(new NodeSession(this.#address, this.#settings, this));
    }
  }

  onLeft(): void {
    this.#settleClose();
  }

  #closeIdleSessions(): void {
    while (this.closeIdle());
  }

  #settleClose(): void {
    if (this.#closing === null || this.#sessions.length + this.#waiting.size > 0) return;
    this.#slots?.forget(this);
    this.#closing.resolve();
  }
}

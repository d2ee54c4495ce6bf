import type { Socket } from 'node:net';
import type {
  NodeConnectionSlots,
  SlotUser,
} from '../../../shared-limits/worker/node-connection-slots.ts';
import { type ConnectionOwner, Http1Connection } from './connection.ts';
import { Http1Exchange } from './exchange.ts';
import type { NodeName } from '../../names/node-name.ts';
import { addressOf, type NodeAddress } from '../node-socket.ts';
import { type QueueOwner, WaitingQueue } from '../waiting-queue.ts';
import type {
  ConnectionSettings,
  Transport,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
} from '../transport.ts';

/** Requests that may wait for each connection that a node may have. */
const waitingPerConnection = 16;

/**
 * A lean HTTP/1.1 client for one node: kept-alive connections, the one used last is
 * taken first, never a second request before the first is answered.
 */
export class Http1Transport implements Transport, ConnectionOwner, SlotUser, QueueOwner {
  readonly #address: NodeAddress;
  readonly #settings: ConnectionSettings;
  readonly #slots: NodeConnectionSlots | null;
  /** No Set: see DenseSet. */
  readonly #connections: Http1Connection[] = [];
  readonly #idle: Http1Connection[] = [];
  readonly #waiting: WaitingQueue<Http1Exchange>;
  #destroyed = false;
  #closing: PromiseWithResolvers<void> | null = null;

  /** @param slots one for each connection; null for no limit beside that of `settings` */
  constructor(
    origin: string,
    settings: ConnectionSettings,
    slots: NodeConnectionSlots | null = null,
  ) {
    this.#address = addressOf(origin, settings);
    this.#settings = settings;
    this.#slots = slots;
    const most = settings.maxConnections * waitingPerConnection;
    this.#waiting = new WaitingQueue(this.#address.label, settings, slots, most, this);
  }

  send(request: UpstreamRequest, handler: UpstreamHandler): UpstreamExchange {
    const exchange = new Http1Exchange(request, handler);
    if (this.#destroyed) {
      this.#waiting.refuseSoon(exchange, 'it is shut down');
      return exchange;
    }
    // An upgrade needs a socket that is read otherwise, so it never takes a kept one.
    const connection = request.upgrade === undefined ? this.#takeIdle() : undefined;
    if (connection !== undefined) connection.carry(exchange);
    else if (this.hasRoom && this.#slots?.take() !== false) this.#open(exchange);
    else this.#wait(exchange);
    return exchange;
  }

  get isScarce(): boolean {
    const idle = this.#idle.length;
    // How many slots there are for all workers is not known here.
    if (this.#slots !== null && idle === 0) return true;
    return this.#connections.length - idle >= Math.floor(this.#settings.maxConnections / 2);
  }

  /** Sends the request on a TLS connection that was opened for it, on a slot that goes with it. */
  sendOn(socket: Socket, request: UpstreamRequest, handler: UpstreamHandler): UpstreamExchange {
    const exchange = new Http1Exchange(request, handler);
    this.#open(exchange, socket);
    return exchange;
  }

  async close(): Promise<void> {
    this.#closing ??= Promise.withResolvers<void>();
    for (const connection of this.#idle.splice(0)) connection.destroy();
    this.#settleClose();
    await this.#closing.promise;
  }

  destroy(): void {
    this.#destroyed = true;
    this.#waiting.refuseAll('it is shut down');
    for (const connection of this.#connections.toReversed()) connection.destroy();
  }

  onFree(connection: Http1Connection): void {
    const next = this.#slots?.owes ? undefined : this.#waiting.first;
    if (next !== undefined && next.request.upgrade === undefined) {
      this.#waiting.remove(next);
      connection.carry(next);
    } else if (next !== undefined || this.#closing !== null || this.#slots?.owes) {
      connection.destroy();
    } else {
      this.#idle.push(connection);
    }
  }

  onClosed(connection: Http1Connection): void {
    this.#remove(connection);
    const index = this.#idle.lastIndexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
    const next = this.#slots?.owes ? undefined : this.#waiting.first;
    if (next !== undefined && this.hasRoom) {
      // On the slot that has come free with it.
      this.#waiting.remove(next);
      this.#open(next);
    } else this.#slots?.release();
    if (this.#waiting.size > 0) this.#slots?.want(this);
    this.#settleClose();
  }

  get lacking(): number {
    return Math.min(this.#waiting.size, this.#settings.maxConnections - this.#connections.length);
  }

  onSlots(): void {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      if (!this.hasRoom || this.#slots?.take() === false) return;
      this.#waiting.remove(next);
      this.#open(next);
    }
  }

  closeIdle(): boolean {
    const connection = this.#idle.shift();
    connection?.destroy();
    return connection !== undefined;
  }

  #takeIdle(): Http1Connection | undefined {
    const { name } = this.#address;
    if (name !== null && name.hasChoice && this.#idle.length > 0) return this.#takeIdleInTurn(name);
    for (let next = this.#idle.pop(); next !== undefined; next = this.#idle.pop()) {
      if (next.usable) return next;
      next.destroy();
    }
    return undefined;
  }

  /** One to the address of the turn: none, if another connection may be opened to it. */
  #takeIdleInTurn(name: NodeName): Http1Connection | undefined {
    name.advance();
    const wanted = name.current;
    const index = this.#idle.findLastIndex(({ route }) => route?.address === wanted);
    if (index < 0 && this.hasRoom && this.#slots === null) return undefined;
    const [next] = this.#idle.splice(index, 1);
    if (next === undefined || next.usable) return next;
    next.destroy();
    return this.#takeIdleInTurn(name);
  }

  #open(exchange: Http1Exchange, socket: Socket | null = null): void {
    const connection = new Http1Connection(this.#address, this.#settings, this, exchange, socket);
    this.#connections.push(connection);
  }

  #remove(connection: Http1Connection): void {
    const place = this.#connections.lastIndexOf(connection);
    if (place < 0) return;
    const last = this.#connections.pop() as Http1Connection;
    if (last !== connection) this.#connections[place] = last;
  }

  #wait(exchange: Http1Exchange): void {
    if (!this.#waiting.add(exchange)) return;
    // Only an upgrade comes here while connections are idle: one makes room for it.
    if (!this.closeIdle() && this.hasRoom) this.#slots?.want(this);
  }

  get hasRoom(): boolean {
    return this.#connections.length < this.#settings.maxConnections;
  }

  onLeft(): void {
    this.#settleClose();
  }

  #settleClose(): void {
    if (this.#closing === null || this.#connections.length + this.#waiting.size > 0) return;
    this.#slots?.forget(this);
    this.#closing.resolve();
  }
}

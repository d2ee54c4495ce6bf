import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { GatewayError, reasonOf } from '../../../errors.ts';
import { ReadBuffer } from '../../../http/http1/read-buffer.ts';
import { ClientSession, type ClientSessionListener } from '../../../http/http2/client-session.ts';
import type { ConnectionError } from '../../../http/http2/frames/protocol.ts';
import { clock, type Timed } from '../../../runtime/deadline-timers.ts';
import { countBodyBytes } from '../../../runtime/external-memory.ts';
import {
  connectFailure,
  type NamedRoute,
  type NodeAddress,
  openSocket,
  readyEvent,
  routeOf,
  timeConnecting,
} from '../node-socket.ts';
import type { ConnectionSettings } from '../transport.ts';
import type { StreamCarrier, StreamExchange } from './exchange.ts';
import { http2RequestFields } from './request-fields.ts';

/** Requests of one connection at one time, whatever the node allows. */
const maxStreams = 256;
const limits = {
  /** Bytes that a node may send ahead of being read, of one response and of all of a connection. */
  streamWindow: 256 << 10,
  connectionWindow: 4 << 20,
  /** Bytes and fields that the head of a response may have. */
  maxHeaderSize: 64 << 10,
  maxHeaderFields: 2_000,
  settingsTimeoutMs: Infinity,
};

/** Who keeps the connections to a node. */
export interface SessionOwner {
  /** The connection can take requests. */
  onReady(session: NodeSession): void;
  /** One more request can be taken. */
  onRoom(session: NodeSession): void;
  /** The node chose HTTP/1.1: the connection is the owner's to use, and not this object's. */
  onHttp1(session: NodeSession, socket: TLSSocket): void;
  /** The connection is no more; `error` when it was never ready. */
  onClosed(session: NodeSession, error: GatewayError | null): void;
}

/** A connection to a node over which HTTP/2 is spoken: over TLS if the node chooses it, else always. */
export class NodeSession implements StreamCarrier, ClientSessionListener, Timed {
  deadline = Infinity;
  place = -1;
  readonly node: string;
  served = 0;
  readonly #settings: ConnectionSettings;
  readonly #owner: SessionOwner;
  readonly #scheme: 'http' | 'https';
  readonly #socket: Socket;
  readonly #readBuffer = new ReadBuffer();
  readonly #retireAt: number;
  /** Null where the node has no name. */
  readonly #route: NamedRoute | null;
  #session: ClientSession | null = null;
  #ready = false;
  #retired = false;
  #closed = false;

  /** Begins to connect. */
  constructor(address: NodeAddress, settings: ConnectionSettings, owner: SessionOwner) {
    this.node = address.label;
    this.#settings = settings;
    this.#owner = owner;
    this.#retireAt = clock.deadline(settings.maxAge);
    clock.add(this);
    const { tls } = address;
    this.#scheme = tls === null ? 'http' : 'https';
    const socket =
      tls === null
        ? openSocket(address, this.#readBuffer.onread(this.#onBytes))
        : tls.connect(address, ['h2', 'http/1.1']);
    this.#socket = socket;
    this.#route = routeOf(address, socket);
    timeConnecting(this, address, settings, socket);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.once(readyEvent(address), () => this.#begin(socket));
  }

  get isReady(): boolean {
    return this.#ready;
  }

  get isOver(): boolean {
    return this.#closed;
  }

  get isIdle(): boolean {
    return this.#ready && this.#session?.open === 0;
  }

  /** Whether it may be given another request. */
  get hasRoom(): boolean {
    const session = this.#session;
    if (session === null || !this.#ready || this.#retired || this.#isOutdated) return false;
    return session.hasRoom && session.open < maxStreams;
  }

  get isHalfFull(): boolean {
    const session = this.#session;
    if (session === null || !this.hasRoom) return true;
    return session.open >= Math.floor(Math.min(maxStreams, session.maxStreams) / 2);
  }

  /** It is too old, or the node's name leads elsewhere now. */
  get #isOutdated(): boolean {
    return this.#retireAt <= clock.now || this.#route?.isCurrent === false;
  }

  /** Sends the request of `exchange`. */
  carry(exchange: StreamExchange): void {
    this.deadline = Infinity;
    try {
      const fields = http2RequestFields(exchange.request, this.#scheme);
      exchange.carry(this, this.#session as ClientSession, fields);
    } catch (thrown) {
      const error =
        thrown instanceof TypeError
          ? new GatewayError('REQUEST_MALFORMED', { reason: thrown.message }, thrown)
          : (thrown as Error);
      // Told later, as every failure is: the caller does not have the exchange yet.
      queueMicrotask(() => exchange.breakOff(error, 'connect'));
    }
  }

  // What an exchange reports.

  onResponse(): void {
    this.served++;
  }

  onStreamClosed(): void {
    if (this.#closed) return;
    if (this.#session?.open === 0) {
      if (this.#retired || this.#isOutdated) return this.destroy();
      this.deadline = Math.min(clock.deadline(this.#settings.idleTimeout), this.#retireAt);
    }
    if (this.hasRoom) this.#owner.onRoom(this);
  }

  doubt(): void {
    this.#retire();
  }

  // What the session reports.

  onSettings(): void {
    if (this.#closed) return;
    if (this.#ready) {
      if (this.hasRoom) this.#owner.onRoom(this);
      return;
    }
    this.#ready = true;
    this.deadline = clock.deadline(this.#settings.idleTimeout);
    this.#owner.onReady(this);
  }

  onServerLeaves(): void {
    this.#retire();
  }

  onIdle(): void {
    // Each exchange says so itself.
  }

  onOver(error: ConnectionError): void {
    this.#lose(error.message);
  }

  /** Takes no further request, and closes when those under way have ended. */
  #retire(): void {
    this.#retired = true;
    if (this.#session === null || this.#session.open === 0) this.destroy();
  }

  expire(): void {
    if (this.#ready) return this.#retire();
    const { connectTimeout: timeout } = this.#settings;
    this.#end(new GatewayError('UPSTREAM_TIMEOUT', { node: this.node, timeout }));
  }

  destroy(): void {
    this.#lose('the gateway closed the connection');
  }

  #begin(socket: Socket): void {
    if (this.#closed) return;
    if (this.#scheme === 'https' && (socket as TLSSocket).alpnProtocol !== 'h2') {
      this.#closed = true;
      clock.delete(this);
      socket.off('error', this.#onError);
      socket.off('close', this.#onClose);
      this.#owner.onHttp1(this, socket as TLSSocket);
      return;
    }
    const session = new ClientSession(socket, limits, this);
    this.#session = session;
    if (this.#scheme === 'https') {
      socket.on('data', (chunk: Buffer) => {
        countBodyBytes(chunk.length);
        session.receive(chunk, 0, chunk.length);
      });
    }
    socket.on('drain', () => session.drained());
    socket.on('end', this.#onClose);
  }

  readonly #onBytes = (bytes: Buffer, count: number): boolean => {
    this.#session?.receive(bytes, 0, count);
    return true;
  };

  readonly #onError = (error: Error): void => this.#lose(reasonOf(error), error);

  readonly #onClose = (): void => this.#lose('it closed the connection');

  #lose(reason: string, cause?: Error): void {
    this.#end(new GatewayError(connectFailure(cause), { node: this.node, reason }));
  }

  #end(error: GatewayError): void {
    if (this.#closed) return;
    this.#closed = true;
    clock.delete(this);
    this.#session?.close(reasonOf(error));
    this.#readBuffer.release();
    this.#socket.destroy();
    this.#owner.onClosed(this, this.#ready ? null : error);
  }
}

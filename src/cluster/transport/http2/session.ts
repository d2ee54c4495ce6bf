import type { ClientHttp2Session, SecureClientSessionOptions } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { GatewayError, reasonOf } from '../../../errors.ts';
import { http2 } from '../../../runtime/builtins.ts';
import { clock, type Timed } from '../../../runtime/deadline-timers.ts';
import { type NamedRoute, type NodeAddress, routeOf } from '../node-socket.ts';
import { connectFailure, timeConnecting } from '../node-socket.ts';
import type { ConnectionSettings } from '../transport.ts';
import type { StreamCarrier, StreamExchange } from './exchange.ts';
import { http2RequestFields } from './request-fields.ts';

/** Requests of one connection at one time, whatever the node allows. */
const maxStreams = 256;
/** Bytes that a node may send ahead of being read, of one response and of all of a connection. */
const streamWindow = 256 << 10;
const connectionWindow = 4 << 20;
/** Bytes and fields that the head of a response may have. */
const maxHead = 65_536;
const maxFields = 2_000;

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

/** A connection to a node over which HTTP/2 is spoken. */
export class NodeSession implements StreamCarrier, Timed {
  deadline = Infinity;
  place = -1;
  readonly node: string;
  served = 0;
  lastStream = Infinity;
  readonly #settings: ConnectionSettings;
  readonly #owner: SessionOwner;
  readonly #socket: TLSSocket;
  readonly #retireAt: number;
  /** Null where the node has no name. */
  readonly #route: NamedRoute | null;
  #session: ClientHttp2Session | null = null;
  #ready = false;
  #retired = false;
  #closed = false;
  #open = 0;

  /** Begins to connect. */
  constructor(address: NodeAddress, settings: ConnectionSettings, owner: SessionOwner) {
    this.node = address.label;
    this.#settings = settings;
    this.#owner = owner;
    this.#retireAt = clock.deadline(settings.maxAge);
    clock.add(this);
    const { tls } = address;
    if (tls === null) throw new Error('HTTP/2 is spoken over TLS only');
    const socket = tls.connect(address, ['h2', 'http/1.1']);
    this.#socket = socket;
    this.#route = routeOf(address, socket);
    timeConnecting(this, address, settings, socket);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.once('secureConnect', () => this.#begin(socket));
  }

  get isReady(): boolean {
    return this.#ready;
  }

  get isOver(): boolean {
    return this.#closed;
  }

  get isIdle(): boolean {
    return this.#ready && this.#open === 0;
  }

  /** Whether it may be given another request. */
  get hasRoom(): boolean {
    const session = this.#session;
    if (session === null || !this.#ready || this.#retired || session.closed) return false;
    return !this.#isOutdated && this.#open < this.#mostStreams;
  }

  get isHalfFull(): boolean {
    return !this.hasRoom || this.#open >= Math.floor(this.#mostStreams / 2);
  }

  get #mostStreams(): number {
    return Math.min(maxStreams, this.#session?.remoteSettings.maxConcurrentStreams ?? 100);
  }

  /** It is too old, or the node's name leads elsewhere now. */
  get #isOutdated(): boolean {
    return this.#retireAt <= clock.now || this.#route?.isCurrent === false;
  }

  /** Sends the request of `exchange`; false when the connection takes none any more. */
  carry(exchange: StreamExchange): boolean {
    let fields: string[];
    try {
      fields = http2RequestFields(exchange.request);
    } catch (error) {
      // Told later, as every failure is: the caller does not have the exchange yet.
      queueMicrotask(() => exchange.breakOff(error as Error, 'connect'));
      return true;
    }
    const { body } = exchange.request;
    const streams = body !== null && !Buffer.isBuffer(body);
    try {
      const options = { endStream: body === null, waitForTrailers: streams };
      const stream = (this.#session as ClientHttp2Session).request(fields, options);
      this.#open++;
      this.deadline = Infinity;
      stream.once('response', () => this.served++);
      exchange.carry(this, stream);
      stream.once('close', () => this.#free());
      return true;
    } catch {
      this.#retired = true;
      return false;
    }
  }

  doubt(): void {
    this.#retire();
  }

  /** Takes no further request, and closes when those under way have ended. */
  #retire(): void {
    this.#retired = true;
    if (this.#open === 0) this.destroy();
    else this.#session?.close();
  }

  expire(): void {
    if (this.#ready) return this.#retire();
    const { connectTimeout: timeout } = this.#settings;
    this.#end(new GatewayError('UPSTREAM_TIMEOUT', { node: this.node, timeout }));
  }

  destroy(): void {
    this.#lose('the gateway closed the connection');
  }

  #begin(socket: TLSSocket): void {
    if (this.#closed) return;
    if (socket.alpnProtocol !== 'h2') {
      this.#closed = true;
      clock.delete(this);
      socket.off('error', this.#onError);
      socket.off('close', this.#onClose);
      this.#owner.onHttp1(this, socket);
      return;
    }
    // Its types do not know every option yet.
    const options: SecureClientSessionOptions & { strictSingleValueFields: boolean } = {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: streamWindow, maxHeaderListSize: maxHead },
      maxHeaderListPairs: maxFields,
      maxSendHeaderBlockLength: 256 << 10,
      maxSessionMemory: 256,
      strictSingleValueFields: false,
    };
    const session = http2().connect(this.node, options);
    this.#session = session;
    session.on('error', this.#onError);
    session.on('close', this.#onClose);
    session.on('goaway', (_code, lastStream: number) => {
      this.lastStream = lastStream;
      this.#retired = true;
    });
    session.once('connect', () => session.setLocalWindowSize(connectionWindow));
    // Before that it is not known how many requests the node takes at one time.
    session.once('remoteSettings', () => this.#opened());
  }

  #opened(): void {
    if (this.#closed) return;
    this.#ready = true;
    this.deadline = clock.deadline(this.#settings.idleTimeout);
    this.#owner.onReady(this);
  }

  #free(): void {
    this.#open--;
    if (this.#closed) return;
    if (this.#open === 0) {
      if (this.#retired || this.#isOutdated) return this.destroy();
      this.deadline = Math.min(clock.deadline(this.#settings.idleTimeout), this.#retireAt);
    }
    if (this.hasRoom) this.#owner.onRoom(this);
  }

  readonly #onError = (error: Error): void => this.#lose(reasonOf(error), error);

  readonly #onClose = (): void => this.#lose('it closed the connection');

  #lose(reason: string, cause?: Error): void {
    this.#end(new GatewayError(connectFailure(cause), { node: this.node, reason }));
  }

  #end(error: GatewayError): void {
    if (this.#closed) return;
    this.#closed = true;
    clock.delete(this);
    this.#session?.destroy();
    this.#socket.destroy();
    this.#owner.onClosed(this, this.#ready ? null : error);
  }
}

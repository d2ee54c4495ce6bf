import { compileNetworks, type NetworkTest } from '../context/networks.ts';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { DenseSet } from '../runtime/swap-remove-set.ts';
import { noTransport, transportOf } from '../runtime/tls/transport.ts';
import type { EntryConfig, TlsConfig } from '../config/types.ts';
import type { RequestContext } from '../http/context.ts';
import { InflightBytes } from '../http/body/memory-budget.ts';
import type { ErrorCode } from '../errors.ts';
import type { Handler } from '../flow/filter.ts';
import type { ConnectionHolder, DrainReport, EntryInspection } from '../ipc/messages.ts';
import type { Log } from '../log.ts';
import { Acceptor } from './connection/acceptor.ts';
import { AddressSlots } from '../shared-limits/worker/address-slots.ts';
import { clientCertificate, problemOf } from './tls/client-certificate.ts';
import { Connection, connectionOf } from './connection/connection.ts';
import { DescriptorShortage } from './connection/descriptor-shortage.ts';
import { Drain, type EntryDrainOptions } from './connection/drain.ts';
import type { ExchangeOwner } from './exchange/exchange.ts';
import { ForwardedFields } from './exchange/forwarded-headers.ts';
import type { EntryServices } from './services.ts';
import { serveHttp1 } from './http1/session.ts';
import { Http1Settings } from './http1/settings.ts';
import { serveHttp2 } from './http2/session.ts';
import { leaseKey } from '../shared-limits/lease-key.ts';
import { ConnectionSlots } from '../shared-limits/worker/connection-slots.ts';
import { Probe } from './self-test.ts';
import { RejectionCounts } from '../ipc/rejections.ts';
import { RequestCounts } from './statistics.ts';
import { type ProxiedClient, takeProxyHeader } from './connection/proxy-protocol.ts';
import { Refusals } from './connection/rejections.ts';
import { TimeLimits } from './connection/timeouts.ts';
import { TlsServer } from './tls/server.ts';

/** Maximum time for a PROXY header, ms. */
const longestGreeting = 60_000;

/** A service entry in one worker: from the accepted connection to the flow, and the way back. */
export class Entry implements ExchangeOwner {
  readonly name: string;
  readonly log: Log;
  readonly route: (context: RequestContext) => Handler;
  requests = 0;
  unanswered = 0;
  readonly counts = new RequestCounts();
  readonly rejections = new RejectionCounts();
  readonly maxRequests: number;
  readonly forwarded: ForwardedFields;
  readonly inflight: InflightBytes;
  readonly #isTrusted: NetworkTest;
  readonly #config: EntryConfig;
  readonly #slots: ConnectionSlots;
  readonly #addressSlots: AddressSlots;
  readonly #admits: ((address: string) => boolean) | null;
  readonly #connections = new DenseSet<Connection>();
  readonly #refusals: Refusals;
  readonly #acceptor: Acceptor;
  readonly #http1: Http1Settings;
  readonly #tls: TlsServer | null;
  readonly #timeLimits: TimeLimits;
  #drain: Drain | null = null;
  /** The gateway is stopping. */
  #stops = false;
  #drained: Promise<DrainReport> | null = null;
  #probe: Probe | null = null;
  #total = 0;

  /** @throws what is wrong with the certificate or its key. */
  constructor(config: EntryConfig, services: EntryServices) {
    this.name = config.name;
    this.log = services.log;
    this.#refusals = new Refusals(this);
    this.#config = config;
    this.maxRequests = config.max_requests_per_connection || Infinity;
    this.#isTrusted = compileNetworks(config.trusted_addresses);
    this.forwarded = new ForwardedFields(config.forwarded, this.#isTrusted, services.identity);
    const { name, max_concurrency, max_conns_per_ip } = config;
    const { leases } = services;
    this.#slots = new ConnectionSlots(leases, leaseKey('entry', name), max_concurrency);
    this.#addressSlots = new AddressSlots(leases, name, max_conns_per_ip);
    this.inflight = new InflightBytes(config.max_inflight_request_size, services.memory ?? null);
    const { tls, disable_tcp_keepalive, tcp_keepalive_in_seconds } = config;
    const keepAlive = disable_tcp_keepalive ? null : tcp_keepalive_in_seconds;
    const shortage = new DescriptorShortage(this, this.#connections);
    const accepting = { plain: !tls.enabled, keepAlive, shortage };
    this.#acceptor = new Acceptor(accepting, (socket) => this.#accept(socket));
    this.#admits = services.admits ?? null;
    this.route = (context) => {
      this.#total++;
      return services.route(context);
    };
    this.#timeLimits = new TimeLimits(this.#connections, config);
    this.#http1 = new Http1Settings(this, config);
    this.#tls = config.tls.enabled ? this.#createTlsServer(config.tls, services) : null;
  }

  get draining(): boolean {
    return this.#drain !== null;
  }

  /** Begins to accept from a listening socket's handle. */
  async listen(handle: unknown): Promise<void> {
    this.#slots.open();
    this.#timeLimits.start();
    await this.#acceptor.listen(handle);
  }

  /** Answers a request of its own, over everything but the network. @throws why it could not. */
  async prove(): Promise<void> {
    const probe = new Probe();
    this.#probe = probe;
    const connection = new Connection(probe.serverSide, this.#tls !== null);
    connection.probe = probe.target;
    this.#serve(connection);
    await probe.ask(this.#tls !== null);
    this.#probe = null;
  }

  setTicketKeys(keys: Buffer): void {
    this.#tls?.setTicketKeys(keys);
  }

  inspect(): EntryInspection {
    return {
      entry: this.name,
      connections: this.#connections.size,
      requests: this.requests,
      total: this.#total,
      refused: this.#refusals.total,
      tally: this.counts.tally,
      rejections: this.rejections.tally,
    };
  }

  /** Every connection, oldest first. */
  holders(): ConnectionHolder[] {
    const now = performance.now();
    const connections = [...this.#connections].sort((a, b) => a.acceptedAt - b.acceptedAt);
    return connections.map((connection) => ({
      address: `${connection.remoteAddress}:${connection.remotePort}`,
      entry: this.name,
      age: Math.round(now - connection.acceptedAt),
      doing: connection.doing,
    }));
  }

  /**
   * Accepts what is queued, then no more, and calls `closedToNew`; settles when every connection
   * has gone.
   */
  drain(options: EntryDrainOptions): Promise<DrainReport> {
    this.#drained ??= this.#leave(options);
    return this.#drained;
  }

  /** The gateway stops while this entry drains. */
  stopDraining(): void {
    this.#stops = true;
    this.#drain?.stop();
  }

  /** Ends the streams of an entry that drains. */
  endStreams(): void {
    this.#drain?.endStreams();
  }

  async #leave({ closedToNew, ...options }: EntryDrainOptions): Promise<DrainReport> {
    // Only then are clients told to go: they come back at once by new connections, and none of these
    // may meet a socket that is about to close.
    await this.#acceptor.close();
    const pending = (): number => this.#slots.waiting + this.#refusals.open;
    const drain = new Drain(this.#connections, this.#config.drain, pending, options);
    this.#drain = drain;
    if (this.#stops) drain.stop();
    this.#slots.drain();
    this.#addressSlots.drain();
    drain.closedToNew();
    closedToNew?.();
    const report = await drain.done;
    this.#timeLimits.stop();
    return report;
  }

  /** Breaks everything off. */
  close(): void {
    this.#timeLimits.stop();
    this.#acceptor.closeNow();
    for (const connection of this.#connections) {
      connection.ending = 'forced';
      connection.destroy();
    }
  }

  #accept(socket: Socket): void {
    // A proxy sends the addresses of its clients first.
    const known = !this.#config.network.proxy_protocol;
    const address = socket.remoteAddress ?? '';
    if (known && this.#admits !== null && !this.#admits(address))
      return this.#refusals.deny(socket, address);
    if (this.#slots.take()) {
      this.#admit(socket);
      return;
    }
    socket.on('error', ignore);
    this.#slots.wait((granted) => {
      socket.off('error', ignore);
      if (granted && socket.destroyed) this.#slots.release();
      else if (granted) this.#admit(socket);
      else this.#refuse(socket);
    });
  }

  #admit(socket: Socket): void {
    const connection = new Connection(socket, this.#tls !== null);
    this.#connections.add(connection);
    socket.once('close', () => {
      if (!this.#connections.delete(connection)) return;
      connection.closed();
      this.#slots.release();
      this.#drain?.gone(connection);
    });
    this.#greet(connection, socket);
  }

  /** Reads the client's address from a PROXY header, if there is one, then serves the client. */
  #greet(connection: Connection, socket: Socket): void {
    const { network, head_timeout } = this.#config;
    if (!network.proxy_protocol) {
      this.#count(connection, socket);
      return;
    }
    if (!this.#isTrusted(connection.remoteAddress)) {
      const client = connection.remoteAddress;
      this.log.info({ entry: this.name, client }, 'not a trusted proxy; connection closed');
      this.rejections.add('untrusted_proxy');
      connection.destroy();
      return;
    }
    const done = (client: ProxiedClient | null): boolean => {
      if (client !== null) connection.speaksFor(client);
      if (this.#admits === null || this.#admits(connection.remoteAddress)) {
        return this.#count(connection, socket);
      }
      this.#refusals.deny(socket, connection.remoteAddress);
      return true;
    };
    takeProxyHeader(socket, head_timeout || longestGreeting, done, () =>
      this.rejections.add('proxy_header'),
    );
  }

  /** Serves the connection if its client may have one more; false when that is not known yet. */
  #count(connection: Connection, socket: Socket): boolean {
    if (!this.#addressSlots.limited) {
      this.#serve(connection);
      return true;
    }
    const address = connection.remoteAddress;
    const early = (): void => void socket.destroy();
    let known = false;
    socket.on('error', early);
    this.#addressSlots.take(address, (granted) => {
      known = true;
      socket.off('error', early);
      if (granted && socket.destroyed) this.#addressSlots.release(address);
      else if (granted) {
        socket.once('close', () => this.#addressSlots.release(address));
        this.#serve(connection);
      } else if (!socket.destroyed) this.#turnAway(connection, socket);
    });
    return known;
  }

  /** A client that has too many connections must not use up what others may have. */
  #turnAway(connection: Connection, socket: Socket): void {
    connection.refused = 'TOO_MANY_CONNECTIONS_OF_CLIENT';
    this.#connections.delete(connection);
    this.#slots.release();
    this.#refuse(socket, connection.refused);
    this.#drain?.gone(connection);
  }

  #serve(connection: Connection): void {
    if (this.#tls === null) serveHttp1(this.#http1, connection);
    else this.#tls.accept(connection.socket);
  }

  #refuse(socket: Socket, code?: ErrorCode): void {
    if (!this.#refusals.begin(socket)) return;
    // Over TLS the answer has to wait for the handshake.
    if (this.#tls === null) this.#refusals.answer(socket, code);
    else this.#tls.accept(socket);
  }

  #createTlsServer(config: TlsConfig, { credentials, ticketKeys }: EntryServices): TlsServer {
    if (!credentials) throw new Error('there is no certificate');
    return new TlsServer({
      name: this.name,
      config,
      credentials,
      ticketKeys,
      onSecure: (socket) => this.#secured(socket),
      onRejected: (reason) => this.rejections.add(reason),
    });
  }

  /** The handshake is done. */
  #secured(socket: TLSSocket): void {
    const transport = transportOf(socket);
    if (transport === null) this.#probe?.fail(noTransport());
    const connection = connectionOf(transport ?? undefined);
    if (connection === undefined || connection.refused !== null) {
      this.#refusals.answer(socket, connection?.refused ?? 'TOO_MANY_CONNECTIONS');
      return;
    }
    const { ca_file, skip_insecure_verify } = this.#config.tls;
    const asked = ca_file !== null && connection.probe === null;
    if (asked && !skip_insecure_verify && !socket.authorized) {
      const reason = problemOf(socket);
      const { remoteAddress } = connection;
      this.log.info({ entry: this.name, client: remoteAddress, reason }, 'client refused');
      this.rejections.add('client_certificate');
      connection.destroy();
      return;
    }
    connection.secured(socket, asked ? clientCertificate(socket) : null);
    if (socket.alpnProtocol === 'h2') serveHttp2(this, connection, this.#config);
    else serveHttp1(this.#http1, connection);
  }
}

function ignore(): void {
  // The socket's end is seen when its turn comes.
}

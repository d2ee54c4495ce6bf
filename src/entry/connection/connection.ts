import { performance } from 'node:perf_hooks';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { clock } from '../../runtime/deadline-timers.ts';
import type { Placed } from '../../runtime/swap-remove-set.ts';
import type { ClientCertificate, ClientConnection } from '../../http/context.ts';
import type { ConnectionHolder } from '../../ipc/messages.ts';
import type { ErrorCode } from '../../errors.ts';
import { ClientIntake } from './write-progress.ts';
import type { ForwardedClient } from '../exchange/forwarded-headers.ts';
import { closeLingering } from './lingering-close.ts';
import { resetConnection } from '../../runtime/sockets/tcp-reset.ts';
import type { ProxiedClient } from './proxy-protocol.ts';

/** Decay of the longest observed think time, per request. */
const forgetting = 0.95;

const owner = Symbol('connection');
type Owned = Duplex & { [owner]?: Connection };

/** The connection that a socket belongs to. */
export function connectionOf(socket: Duplex | undefined): Connection | undefined {
  const owned: Owned | undefined = socket;
  return owned?.[owner];
}

/** Many requests at one time on one connection: HTTP/2. */
export interface Multiplex {
  /** Requests under way. */
  readonly open: number;
  /** Whether a request's body is still arriving. */
  readonly receiving: boolean;
  /** Whether a response waits for its client. */
  readonly owing: boolean;
  /** Changes when the client reads bytes of bodies, or opens its window. */
  readonly progress: number;
  /** Whether something has taken longer than it may. */
  isLate(now: number): boolean;
  /** Ends that. */
  endLate(now: number): void;
  /** Ends the connection in a moment that suits its client. */
  announceEnd(): void;
  /** Ends the connection, which is quiet. */
  end(): void;
  /** The socket has closed. */
  closed(): void;
}

/** How a connection of a draining worker ended. */
export type Ending = 'answered' | 'quiet' | 'forced';

/** A request of the connection, as far as the connection is concerned. */
export interface PendingExchange {
  /** Whether its body is still arriving. */
  readonly receiving: boolean;
  /** Its turn has come: every response before it is out. */
  start(): void;
  clientGone(): void;
}

/** A client's connection: what it is doing, which decides when a draining worker may close it. */
export class Connection implements ClientConnection, Placed {
  place = -1;
  readonly acceptedAt = performance.now();
  readonly tls: boolean;
  readonly intake: ClientIntake;
  certificate: ClientCertificate | null = null;
  /** The stream that carries HTTP. */
  socket: Duplex;
  /** performance.now() of the last byte or the last response's end that we know of. */
  lastActivity = this.acceptedAt;
  /** Longest recent time between a response and the client's next request, ms; coarse. */
  pause = 0;
  current: PendingExchange | null = null;
  /** Set when the client speaks HTTP/2; `current` is null then. */
  multiplex: Multiplex | null = null;
  /** Set when it speaks another protocol with a node, such as WebSocket. */
  tunnel: { end(): void } | null = null;
  /** No further request is answered: a response announced it, or the FIN was sent. */
  closing = false;
  ending: Ending = 'quiet';
  /** Set if it exceeds a limit: it only gets this error. */
  refused: ErrorCode | null = null;
  /** Target of the entry's request to itself, when this is one. */
  probe: string | null = null;
  /** Requests so far. */
  requests = 0;
  /** The forwarded headers of the last request. */
  forwardedAs: ForwardedClient | null = null;
  /** Bytes after the current request have been read, but not looked at. */
  ahead = false;
  /** Since when there has been nothing to answer, in the clock's time. */
  #restingSince = clock.now;
  /** Bytes read when `observe` last looked. */
  #observed = 0;
  #remoteAddress: string | undefined;
  #remotePort = 0;
  #localAddress: string | undefined;
  #localPort = 0;
  /** The stream below TLS, or the same as `socket`. */
  readonly #transport: Duplex;

  constructor(socket: Duplex, tls: boolean) {
    this.tls = tls;
    this.#transport = socket;
    this.intake = new ClientIntake(socket);
    this.socket = socket;
    this.#adopt(socket);
  }

  /** The handshake is done: HTTP runs on `socket`. */
  secured(socket: Duplex, certificate: ClientCertificate | null): void {
    this.socket = socket;
    this.certificate = certificate;
    this.#observed = 0;
    this.#adopt(socket);
  }

  /** The peer is a proxy that has sent the address of its client. */
  speaksFor({ address, port }: ProxiedClient): void {
    this.#remoteAddress = address;
    this.#remotePort = port;
  }

  get remoteAddress(): string {
    // Asked of the socket once, and before it may have closed.
    if (this.#remoteAddress === undefined) {
      const { remoteAddress, remotePort } = this.socket as Partial<Socket>;
      this.#remoteAddress = remoteAddress ?? '';
      this.#remotePort = remotePort ?? 0;
    }
    return this.#remoteAddress;
  }

  get remotePort(): number {
    void this.remoteAddress;
    return this.#remotePort;
  }

  get localAddress(): string {
    // By itself: few ask for it, and each address is a system call.
    if (this.#localAddress === undefined) {
      const { localAddress, localPort } = this.socket as Partial<Socket>;
      this.#localAddress = localAddress ?? '';
      this.#localPort = localPort ?? 0;
    }
    return this.#localAddress;
  }

  get localPort(): number {
    void this.localAddress;
    return this.#localPort;
  }

  get doing(): ConnectionHolder['doing'] {
    if (this.tunnel !== null) return 'upgraded';
    const { multiplex } = this;
    if (multiplex !== null && multiplex.open > 0) {
      return multiplex.receiving ? 'receiving' : 'responding';
    }
    if (multiplex !== null) return 'idle';
    if (this.current !== null) return this.current.receiving ? 'receiving' : 'responding';
    return this.ahead ? 'receiving' : 'idle';
  }

  /** Starts a request: its turn has come. */
  start(exchange: PendingExchange): void {
    if (this.requests > 0) {
      this.rested(this.#restingSince);
    }
    this.requests++;
    this.current = exchange;
    exchange.start();
  }

  /** A request has come after a pause, which began then, in the clock's time. */
  rested(since: number): void {
    this.pause = Math.max(this.pause * forgetting, clock.now - since);
  }

  /** The current response is out, since `now` (performance.now()). */
  finished(now: number): void {
    this.current = null;
    this.lastActivity = now;
    this.#restingSince = clock.now;
  }

  /** Looks for bytes that came since the last look; called by a drain's sweep. */
  observe(now: number): void {
    const bytes = this.#bytesRead;
    if (bytes !== this.#observed) {
      this.#observed = bytes;
      this.lastActivity = now;
    }
  }

  /** For how long its client has taken nothing of what waits for it, as far as the looks tell. */
  stalled(now: number): number {
    if (this.tunnel !== null) return 0;
    const { intake, multiplex } = this;
    if (multiplex !== null) return intake.stalled(now, multiplex.owing ? multiplex.progress : null);
    // Bytes that TLS holds back wait in its stream only.
    const owing = this.tls && this.socket.writableLength > 0;
    return intake.stalled(now, owing ? intake.taken : null);
  }

  /** Ends the connection properly once what is written has gone out. */
  close(): void {
    this.closing = true;
    if (this.multiplex !== null) this.multiplex.end();
    else closeLingering(this.socket, this.intake);
  }

  /** The worker has begun to drain. HTTP/1.1 announces it with the next response. */
  announceEnd(): void {
    this.multiplex?.announceEnd();
  }

  /** Ends what is under way: a WebSocket with a close frame, anything else by breaking it off. */
  endNow(): void {
    this.ending = 'forced';
    if (this.tunnel === null) this.destroy();
    else this.tunnel.end();
  }

  /** Breaks the connection off. */
  destroy(): void {
    this.closing = true;
    this.socket.destroy();
  }

  /** Breaks the connection off so that its client cannot take what it got for complete. */
  reset(): void {
    this.closing = true;
    resetConnection(this.#transport);
    this.socket.destroy();
  }

  /** The socket has closed. */
  closed(): void {
    this.closing = true;
    this.current?.clientGone();
    this.multiplex?.closed();
  }

  get #bytesRead(): number {
    return (this.socket as Partial<Socket>).bytesRead ?? 0;
  }

  #adopt(socket: Duplex): void {
    (socket as Owned)[owner] = this;
  }
}

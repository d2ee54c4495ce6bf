import { connect, type OnReadOpts, type Socket } from 'node:net';
import { lookupTimeoutMs, type NodeName, nodeNameOf } from '../names/node-name.ts';
import { clock, type Timed } from '../../runtime/deadline-timers.ts';
import { descriptors, isOwnShortage } from '../../runtime/processes/descriptors.ts';
import { NodeTls } from './node-tls.ts';
import type { ConnectionSettings } from './transport.ts';

/** Where a connection leads. */
export interface NodeAddress {
  readonly host: string;
  /** Null where the host is an address. */
  readonly name: NodeName | null;
  readonly port: number;
  /** Null for plain connections. */
  readonly tls: NodeTls | null;
  /** What errors call the node. */
  readonly label: string;
}

/** @param origin `http://host:port` or `https://host:port` */
export function addressOf(origin: string, settings: ConnectionSettings): NodeAddress {
  const { hostname, port, protocol } = new URL(origin);
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const tls = protocol === 'https:' ? new NodeTls(host, settings) : null;
  const name = nodeNameOf(host);
  return { host, name, port: Number(port || (tls ? 443 : 80)), tls, label: origin };
}

/** The event of a socket that can be used. */
export function readyEvent({ tls }: NodeAddress): 'connect' | 'secureConnect' {
  return tls === null ? 'connect' : 'secureConnect';
}

/**
 * Begins to connect.
 * @param onread for plain connections only: reads into a buffer of the caller's, in place of `data`
 */
export function openSocket(address: NodeAddress, onread: OnReadOpts | null): Socket {
  const { host, name, port, tls } = address;
  if (tls !== null) return tls.connect(address);
  const lookup = name === null ? {} : { lookup: name.lookup };
  const options = { host, port, noDelay: true, keepAlive: true, ...lookup };
  return connect(onread === null ? options : { ...options, onread });
}

/** Which of the addresses of a node's name a connection leads to. */
export class NamedRoute {
  readonly #name: NodeName;
  /** Null until there is a connection. */
  address: string | null = null;

  constructor(name: NodeName, socket: Socket) {
    this.#name = name;
    const wanted = name.current;
    if (!socket.connecting) this.address = socket.remoteAddress ?? null;
    socket.once('connect', () => {
      this.address = socket.remoteAddress ?? null;
      if (wanted !== null && wanted !== this.address) name.avoid(wanted);
    });
  }

  /** Whether the name still leads there. */
  get isCurrent(): boolean {
    return this.address === null || this.#name.leadsTo(this.address);
  }
}

/** How the socket came to the node; null where the node has no name. */
export function routeOf({ name }: NodeAddress, socket: Socket): NamedRoute | null {
  return name === null ? null : new NamedRoute(name, socket);
}

/** Limits how long connecting may take; looking a name up has a time of its own. */
export function timeConnecting(
  timed: Timed,
  { name }: NodeAddress,
  { connectTimeout }: ConnectionSettings,
  socket: Socket,
): void {
  timed.deadline = clock.deadline(connectTimeout);
  if (connectTimeout === 0 || name === null || name.isKnown) return;
  timed.deadline = clock.deadline(lookupTimeoutMs + connectTimeout);
  socket.once('lookup', () => (timed.deadline = clock.deadline(connectTimeout)));
}

/**
 * The code for a connection that could not be opened. That this process has no descriptor left is no
 * fault of the node's; for the next attempt one is made free.
 */
export function connectFailure(error: unknown): 'UPSTREAM_CONNECT' | 'UPSTREAM_EXHAUSTED' {
  if (!isOwnShortage(error)) return 'UPSTREAM_CONNECT';
  descriptors.makeRoom();
  return 'UPSTREAM_EXHAUSTED';
}

import { connect, type OnReadOpts, type Socket } from 'node:net';
import { NodeTls } from './node-tls.ts';
import type { ConnectionSettings } from './transport.ts';

/** Where a connection leads. */
export interface NodeAddress {
  readonly host: string;
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
  return { host, port: Number(port || (tls ? 443 : 80)), tls, label: origin };
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
  const { host, port, tls } = address;
  if (tls !== null) return tls.connect(address);
  const options = { host, port, noDelay: true, keepAlive: true };
  return connect(onread === null ? options : { ...options, onread });
}

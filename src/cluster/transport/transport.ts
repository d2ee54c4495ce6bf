import type { Duplex } from 'node:stream';
import type { Body } from '../../http/body/body.ts';
import type { HeaderList } from '../../http/headers/header-list.ts';
import type { RequestHead } from '../../http/http1/encode.ts';
import { GatewayError } from '../../errors.ts';

/** One request to one node. */
export interface UpstreamRequest extends RequestHead {
  /**
   * Milliseconds until the response head must be there, 0 for no limit. Does not run while the
   * request body waits for its source.
   */
  readonly headTimeout: number;
  /** Milliseconds of silence allowed within the response body; 0 for no limit. */
  readonly bodyTimeout: number;
}

/** How far an exchange had come when it failed; decides whether it may be repeated. */
export type FailurePhase =
  /** No byte of the request can have reached the node; the request's body was not started. */
  | 'connect'
  /**
   * The request went out on a connection used before, which broke without a byte of a response:
   * most likely the node had closed it for being idle, but the request may have been processed.
   */
  | 'stale'
  /**
   * The node has said that it did not process the request, and takes it if it is sent again. The
   * request's body may have been started.
   */
  | 'refused'
  /** The request may have been processed, no response head arrived. */
  | 'sent'
  /** The response had begun. */
  | 'response';

/** What a transport tells of one exchange, in this order; `onError` at most once, and last. */
export interface UpstreamHandler {
  /** A 1xx response other than 101. */
  onInformation(status: number, headers: string[]): void;
  /**
   * The response head, with all its fields. `body` is null when the response has none, a Buffer
   * when all of it is there, and else a source: somebody has to start or cancel it.
   */
  onHead(status: number, statusText: string, headers: HeaderList, body: Body): void;
  /** The node switched protocols: `socket` is the raw connection, `head` what came behind 101. */
  onUpgrade(status: number, headers: string[], socket: Duplex, head: Buffer): void;
  /**
   * The exchange failed. After `onHead` the body's sink is failed instead.
   * `error` is a GatewayError: UPSTREAM_CONNECT, UPSTREAM_BUSY, UPSTREAM_BROKEN, UPSTREAM_TIMEOUT,
   * REQUEST_MALFORMED when the request cannot be put on the wire, or what the body failed with.
   * A request body that was started is neither ended nor cancelled: that is left to the handler.
   */
  onError(error: Error, phase: FailurePhase): void;
}

/** An exchange under way. */
export interface UpstreamExchange {
  /** Gives the exchange up; no handler is called any more. */
  abort(reason?: Error): void;
}

/** How a transport keeps its connections. Milliseconds; 0 means no limit where not said otherwise. */
export interface ConnectionSettings {
  readonly connectTimeout: number;
  /** Connections open at a time, at least 1. */
  readonly maxConnections: number;
  /** How long a request may wait for a free connection when all are in use. */
  readonly waitTimeout: number;
  /** How long a connection may stay unused. */
  readonly idleTimeout: number;
  /** Age from which a connection takes no further request. */
  readonly maxAge: number;
  /** Null: as `tls` says. */
  readonly tlsInsecureSkipVerify: boolean | null;
  /** For `https:`; null for what Node.js does by itself. */
  readonly tls: TlsSettings | null;
  /** Whether HTTP/2 is spoken: over `https:` with nodes that offer it, over `http:` with all. */
  readonly allowH2: boolean;
}

/** PEM texts; null for those not given. */
export interface TlsSettings {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly passphrase: string | null;
  /** Asked for (SNI), and what certificates are verified by. */
  readonly serverName: string | null;
  /** Whether nodes are accepted unverified; null: exactly when there are no authorities. */
  readonly skipVerify: boolean | null;
  /** Whether a verified certificate may be for another host. */
  readonly skipDomainVerify: boolean;
}

/** Connections to one node. */
export interface Transport {
  /**
   * Whether so many connections are in use that a request had better take none before it has
   * something to send.
   */
  readonly isScarce: boolean;
  send(request: UpstreamRequest, handler: UpstreamHandler): UpstreamExchange;
  /** Waits for exchanges under way, then closes every connection. */
  close(): Promise<void>;
  /** Closes every connection at once. */
  destroy(): void;
}

/** Whether an exchange failed because the node took no connection. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'UPSTREAM_CONNECT';
}

/** Whether an exchange got no connection, for a reason that is not the node's. */
export function lacksConnection(error: unknown): boolean {
  if (!(error instanceof GatewayError)) return false;
  return error.code === 'UPSTREAM_BUSY' || error.code === 'UPSTREAM_EXHAUSTED';
}

/** Whether an exchange failed by the node. */
export function isOfNode(error: unknown): boolean {
  if (!(error instanceof GatewayError)) return false;
  const { code } = error;
  return code === 'UPSTREAM_CONNECT' || code === 'UPSTREAM_BROKEN' || code === 'UPSTREAM_TIMEOUT';
}

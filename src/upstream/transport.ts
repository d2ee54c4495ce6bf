import type { Duplex } from 'node:stream';
import type { Body, BodySource } from '../context/body.ts';

/** One request to one node, complete: hop-by-hop fields are gone, Host is set. */
export interface UpstreamRequest {
  readonly method: string;
  /** Origin-form target. */
  readonly target: string;
  /** Flat name/value array in wire order. */
  readonly headers: string[];
  readonly body: Body;
  /** Protocol to upgrade to (`websocket`), or undefined. */
  readonly upgrade?: string | undefined;
  /** Milliseconds until the response head must be there; 0 for no limit. */
  readonly headTimeout: number;
  /** Milliseconds of silence allowed within the response body; 0 for no limit. */
  readonly bodyTimeout: number;
}

/** How far an exchange had come when it failed; decides whether it may be repeated. */
export type FailurePhase =
  /** No byte of the request can have reached the node. */
  | 'connect'
  /** The request may have been processed, no byte of a response arrived. */
  | 'sent'
  /** The response had begun. */
  | 'response';

/** What a transport tells of one exchange, in this order; `onError` at most once, and last. */
export interface UpstreamHandler {
  /** A 1xx response other than 101. */
  onInformation(status: number, headers: string[]): void;
  /** The response head. `body` is null when the response has none. */
  onHead(status: number, statusText: string, headers: string[], body: BodySource | null): void;
  /** The node switched protocols: `socket` is the raw connection. */
  onUpgrade(status: number, headers: string[], socket: Duplex, head: Buffer): void;
  /**
   * The exchange failed. After `onHead` the body's sink is failed instead.
   * `error` is a GatewayError: UPSTREAM_CONNECT, UPSTREAM_BROKEN or UPSTREAM_TIMEOUT.
   */
  onError(error: Error, phase: FailurePhase): void;
}

/** An exchange under way. */
export interface UpstreamExchange {
  /** Gives the exchange up; no handler is called any more. */
  abort(reason?: Error): void;
}

/** Connections to one node. */
export interface Transport {
  send(request: UpstreamRequest, handler: UpstreamHandler): UpstreamExchange;
  /** Waits for exchanges under way, then closes every connection. */
  close(): Promise<void>;
  /** Closes every connection at once. */
  destroy(): void;
}

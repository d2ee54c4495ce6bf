import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isBuffered } from '../context/body.ts';
import { GatewayRequest, RequestContext } from '../context/context.ts';
import { HeaderList } from '../context/header-list.ts';
import { GatewayError } from '../errors.ts';
import type { Handler } from '../flow/filter.ts';
import type { Log } from '../log.ts';
import type { Connection } from './connections.ts';
import { type RequestBody, bodyOf } from './request-body.ts';
import { respond, respondError } from './respond.ts';
import type { ResponseWriter } from './response-writer.ts';
import { joinUpgraded, wasDeclined } from './upgrade.ts';

/** The rest of an unread body up to this size is read, so that the connection can go on; bytes. */
const smallRest = 64 << 10;

/** What an exchange needs of its entry. */
export interface ExchangeOwner {
  readonly name: string;
  readonly log: Log;
  /** Whether the worker drains: every response then ends its connection. */
  readonly draining: boolean;
  /** The flow for a request. */
  readonly route: (context: RequestContext) => Handler;
  /** Requests under way. */
  requests: number;
}

/** What makes a request special. */
export interface ExchangeKind {
  /** The client waits for `100 Continue` before it sends the body. */
  readonly expectsContinue?: boolean;
  /** The client asks for another protocol: the bytes behind its head. */
  readonly upgradeHead?: Buffer;
  /** The request is refused without asking the flow. */
  readonly refusal?: GatewayError;
}

const ordinary: ExchangeKind = {};
let lastId = 0;

/** One request and its response over node:http. */
export class Exchange implements ResponseWriter {
  onDrain: (() => void) | null = null;
  readonly #owner: ExchangeOwner;
  readonly #connection: Connection;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #kind: ExchangeKind;
  readonly #body: RequestBody | null;
  #context: RequestContext | null = null;
  #drainHooked = false;
  #done = false;

  constructor(
    owner: ExchangeOwner,
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    kind: ExchangeKind = ordinary,
  ) {
    this.#owner = owner;
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    this.#kind = kind;
    this.#body = bodyOf(request, response, kind.expectsContinue === true);
  }

  /** Whether the request's body is still arriving. */
  get receiving(): boolean {
    return !this.#request.complete;
  }

  get begun(): boolean {
    return this.#response.headersSent;
  }

  /** Runs the request; its turn on the connection has come. */
  start(): void {
    const owner = this.#owner;
    owner.requests++;
    const context = new RequestContext(++lastId, owner.name, this.#connection, this.#newRequest());
    this.#context = context;
    this.#response.on('finish', () => this.#finished());
    try {
      if (this.#kind.refusal) throw this.#kind.refusal;
      const pending = owner.route(context)(context);
      if (pending === undefined) this.#respond(context);
      else void this.#respondLater(pending, context);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The request's body turned out malformed. */
  malformed(error: GatewayError): void {
    this.#body?.fail(error);
    if (this.begun) this.breakOff();
    else {
      const context = this.#context;
      this.#fail(error);
      context?.abort();
    }
  }

  /** The connection has gone. */
  clientGone(): void {
    if (this.#done) return;
    this.#end();
    const context = this.#context;
    if (context === null) return;
    context.abort();
    const { body } = context.response;
    if (!isBuffered(body)) body.cancel(new GatewayError('CLIENT_GONE'));
  }

  send(status: number, statusText: string, headers: string[], body: Buffer | null): void {
    this.begin(status, statusText, headers);
    if (body === null) this.#response.end();
    else this.#response.end(body);
  }

  begin(status: number, statusText: string, headers: string[]): void {
    if (this.#closesConnection()) headers.push('Connection', 'close');
    // HTTP/1.0 knows no trailers, and node:http throws rather than announce them.
    if (this.#request.httpVersionMinor === 0) new HeaderList(headers).remove('Trailer');
    if (statusText === '') this.#response.writeHead(status, headers);
    else this.#response.writeHead(status, statusText, headers);
  }

  write(chunk: Buffer): boolean {
    const room = this.#response.write(chunk);
    if (!room && !this.#drainHooked) {
      this.#drainHooked = true;
      this.#response.on('drain', () => this.onDrain?.());
    }
    return room;
  }

  end(trailers?: readonly string[]): void {
    if (trailers?.length) {
      const pairs: [string, string][] = [];
      for (let i = 0; i < trailers.length; i += 2) {
        pairs.push([trailers[i] as string, trailers[i + 1] as string]);
      }
      this.#response.addTrailers(pairs);
    }
    this.#response.end();
  }

  breakOff(): void {
    const socket = this.#connection.socket as Partial<Socket> & Duplex;
    // Where only the end of the connection ends the body, a FIN would look like a complete one.
    if (this.#request.httpVersionMinor === 0 && socket.resetAndDestroy) {
      this.#connection.closing = true;
      socket.resetAndDestroy();
    } else this.#connection.destroy();
  }

  #respond(context: RequestContext): void {
    const { upgraded } = context;
    if (context.aborted) {
      const { body } = context.response;
      if (!isBuffered(body)) body.cancel(new GatewayError('CLIENT_GONE'));
      upgraded?.socket.destroy();
      return;
    }
    if (upgraded === null) {
      respond(context, this);
      return;
    }
    this.#end();
    this.#response.detachSocket(this.#connection.socket as Socket);
    this.#connection.upgraded = true;
    joinUpgraded(context, this.#connection, upgraded, this.#kind.upgradeHead);
  }

  async #respondLater(pending: Promise<void>, context: RequestContext): Promise<void> {
    try {
      await pending;
      this.#respond(context);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(thrown: unknown): void {
    const context = this.#context;
    if (context === null || this.#response.writableEnded) return;
    try {
      respondError(context, this, thrown, this.#owner.log);
    } catch (error) {
      this.#owner.log.error({ error, entry: this.#owner.name }, 'an error could not be answered');
      this.breakOff();
    }
  }

  /** The response is out. */
  #finished(): void {
    if (this.#done) return;
    this.#end();
    // What is left of a body that nobody wants is read only if it is short; node:http reads it all.
    if (this.#body !== null && this.#body.missing > smallRest) this.#connection.close();
    this.#connection.finished(this.#body !== null, this.#owner.draining);
  }

  #end(): void {
    if (this.#done) return;
    this.#done = true;
    if (this.#context !== null) this.#owner.requests--;
  }

  /** Whether this response is the connection's last one. */
  #closesConnection(): boolean {
    if (wasDeclined(this.#request)) return true;
    const body = this.#body;
    if (body !== null && !body.wanted && body.missing > smallRest) return true;
    // Requests received behind this one are answered first.
    return this.#owner.draining && !this.#connection.hasMore;
  }

  #newRequest(): GatewayRequest {
    const { method = '', url = '', rawHeaders } = this.#request;
    let target = url;
    let headers = new HeaderList(rawHeaders);
    if (!url.startsWith('/') && url !== '*' && method !== 'CONNECT') {
      const parts = /^https?:\/\/([^/?#]+)(.*)$/is.exec(url);
      if (parts !== null) {
        // Absolute form: its authority counts, whatever Host says.
        headers = headers.clone();
        headers.set('Host', parts[1] as string);
        target = parts[2]?.startsWith('/') ? parts[2] : `/${parts[2] ?? ''}`;
      }
    }
    const request = new GatewayRequest(method, target, headers, this.#body);
    if (this.#kind.upgradeHead) request.upgrade = headers.get('upgrade') ?? null;
    return request;
  }
}

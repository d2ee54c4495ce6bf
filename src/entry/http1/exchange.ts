import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { GatewayRequest, type RequestContext } from '../../http/context.ts';
import { HeaderList } from '../../http/headers/header-list.ts';
import { own } from '../../http/http1/read-buffer.ts';
import type { EntryLimits } from '../../config/types.ts';
import type { GatewayError } from '../../errors.ts';
import type { Connection } from '../connection/connection.ts';
import { Exchange, type ExchangeOwner, smallRest } from '../exchange/exchange.ts';
import { type RequestBody, bodyOf } from './request-body.ts';
import { joinUpgraded, wasDeclined } from './upgrade.ts';

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

/** One request and its response over node:http. */
export class NodeExchange extends Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #kind: ExchangeKind;
  readonly #body: RequestBody | null;
  #headSent = false;
  #drainHooked = false;

  constructor(
    owner: ExchangeOwner,
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    limits: EntryLimits,
    kind: ExchangeKind = ordinary,
  ) {
    super(owner, connection);
    this.#request = request;
    this.#response = response;
    this.#kind = kind;
    this.#body = bodyOf(request, response, {
      expectsContinue: kind.expectsContinue === true,
      limit: limits.max_request_body_size || Infinity,
    });
  }

  get receiving(): boolean {
    return !this.#request.complete;
  }

  override isLate(now: number, { read_timeout }: EntryLimits): boolean {
    if (this.#body === null || read_timeout === 0 || !this.receiving) return false;
    return this.#body.arrival.silence(now) >= read_timeout;
  }

  get begun(): boolean {
    return this.#response.headersSent;
  }

  protected get ended(): boolean {
    return this.#response.writableEnded;
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

  inform(status: number, headers: readonly string[]): void {
    // HTTP/1.0 knows no interim responses.
    if (this.begun || this.#request.httpVersionMinor === 0) return;
    this.#response.writeInformation(status, headers as string[]);
  }

  write(chunk: Buffer): boolean {
    this.#headSent = true;
    const room = this.#response.write(own(chunk));
    if (!room && !this.#drainHooked) {
      this.#drainHooked = true;
      this.#response.on('drain', () => this.onDrain?.());
    }
    return room;
  }

  flush(): void {
    // node:http keeps the head until there is something of the body.
    if (!this.#headSent) this.#response.flushHeaders();
  }

  end(trailers?: readonly string[]): void {
    this.#headSent = true;
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
    const socket = this.connection.socket as Partial<Socket> & Duplex;
    // Where only the end of the connection ends the body, a FIN would look like a complete one.
    if (this.#request.httpVersionMinor === 0 && socket.resetAndDestroy) {
      this.connection.closing = true;
      socket.resetAndDestroy();
    } else this.connection.destroy();
  }

  protected override run(context: RequestContext): void | PromiseLike<void> {
    this.#response.on('finish', () => this.#finished());
    if (this.#kind.refusal) throw this.#kind.refusal;
    return super.run(context);
  }

  protected failBody(error: GatewayError): void {
    this.#body?.fail(error);
  }

  protected switchProtocols(context: RequestContext): void {
    const { connection } = this;
    const { upgraded } = context;
    if (upgraded === null) return;
    this.finish();
    this.#response.detachSocket(connection.socket as Socket);
    connection.upgraded = true;
    joinUpgraded(context, connection, upgraded, this.#kind.upgradeHead);
  }

  /** The response is out. */
  #finished(): void {
    if (this.done) return;
    this.finish();
    const { connection } = this;
    const body = this.#body;
    // Where the connection was said to stay, the rest of the request has to be read.
    if (body !== null && this.receiving) body.discard(() => connection.unsettle(0));
    connection.finished(body !== null, this.owner.draining, this.endedAt);
  }

  /** Whether this response is the connection's last one. */
  #closesConnection(): boolean {
    if (wasDeclined(this.#request)) return true;
    // Where one request was not understood, the next one may begin anywhere.
    if (this.#kind.refusal?.code === 'REQUEST_MALFORMED') return true;
    const body = this.#body;
    if (body?.refused) return true;
    if (body !== null && !body.wanted && body.missing > smallRest) return true;
    return this.endsConnection;
  }

  protected newRequest(): GatewayRequest {
    const { method = '', url = '', rawHeaders } = this.#request;
    let target = url;
    let headers = new HeaderList(rawHeaders);
    if (!url.startsWith('/') && url !== '*' && method !== 'CONNECT') {
      const parts = /^https?:\/\/([^/?#]+)(.*)$/is.exec(url);
      if (parts !== null) {
        // Absolute form: its authority counts; Host is the same, or missing in HTTP/1.0.
        headers = headers.clone();
        headers.set('Host', parts[1] as string);
        target = parts[2]?.startsWith('/') ? parts[2] : `/${parts[2] ?? ''}`;
      }
    }
    const request = new GatewayRequest(method, target, headers, this.#body);
    request.expectsContinue = this.#kind.expectsContinue === true;
    if (this.#kind.upgradeHead) request.upgrade = headers.get('upgrade') ?? null;
    return request;
  }
}

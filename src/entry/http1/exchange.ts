import { GatewayRequest, type RequestContext } from '../../http/context.ts';
import { type MessageWriter, uncounted } from '../../http/http1/message-writer.ts';
import type { ParsedHead } from '../../http/http1/request-head.ts';
import { encodeInterimHead, encodeResponseHead } from '../../http/http1/encode.ts';
import type { GatewayError } from '../../errors.ts';
import type { Connection } from '../connection/connection.ts';
import { Exchange, type ExchangeOwner, smallRest } from '../exchange/exchange.ts';
import type { Fields } from '../../http/response-writer.ts';
import { RequestBody } from './request-body.ts';
import { Tunnel } from './upgrade.ts';

/** The session that an exchange belongs to. */
export interface ExchangeSession {
  /** Fields of a response after which the connection stays open. */
  readonly keepAlive: string;
  readonly writer: MessageWriter;
  /** Whether the client has ended its side, and nothing of what it sent is left. */
  readonly isLast: boolean;
  /**
   * The response is out, since `now` (performance.now()); `last` when it said that the connection
   * ends.
   */
  responded(last: boolean, now: number): void;
  /** Gives the connection away; answers the bytes that came after the request. */
  release(): Buffer | null;
}

/** One request and its response on a connection of HTTP/1. */
export class Http1Exchange extends Exchange {
  readonly takesLines = true;
  begun = false;
  readonly #session: ExchangeSession;
  readonly #head: ParsedHead;
  readonly #body: Buffer | RequestBody | null;
  /** Whether the connection ends with this response. */
  #last: boolean;
  /** Whether the end of the connection ends the body. */
  #untilEnd = false;

  constructor(
    owner: ExchangeOwner,
    connection: Connection,
    session: ExchangeSession,
    head: ParsedHead,
    body: Buffer | RequestBody | null,
  ) {
    super(owner, connection);
    this.#session = session;
    this.#head = head;
    this.#body = body;
    this.#last = head.close;
  }

  get #streamed(): RequestBody | null {
    return this.#body instanceof RequestBody ? this.#body : null;
  }

  get receiving(): boolean {
    return this.#streamed?.complete === false;
  }

  protected get ended(): boolean {
    return this.done;
  }

  protected newRequest(): GatewayRequest {
    const { method, target, headers, upgrade, expectsContinue } = this.#head;
    const request = new GatewayRequest(method, target, headers, this.#body);
    request.upgrade = upgrade;
    request.expectsContinue = expectsContinue && this.receiving;
    return request;
  }

  protected override run(context: RequestContext): void | PromiseLike<void> {
    const refusal = this.#head.refusal ?? this.#streamed?.failure;
    if (refusal) throw refusal;
    return super.run(context);
  }

  protected failBody(error: GatewayError): void {
    this.#last = true;
    this.#streamed?.fail(error);
  }

  protected switchProtocols({ response, upgraded }: RequestContext): void {
    if (upgraded === null) return;
    // First, for it may throw.
    const head = encodeInterimHead(response.status, response.headers.asArray());
    this.finish();
    const rest = this.#session.release();
    this.connection.tunnel = new Tunnel(head, this.connection.socket, rest, upgraded);
  }

  send(status: number, statusText: string, headers: Fields, body: Buffer | null): void {
    const head = encodeResponseHead(status, statusText, headers, this.#fieldsOfConnection());
    this.begun = true;
    this.#session.writer.writeWhole(head, body);
    this.#finished();
  }

  begin(status: number, statusText: string, headers: Fields, length: number | undefined): void {
    // HTTP/1.0 knows no chunks.
    this.#untilEnd = length === undefined && this.#head.minor === 0;
    if (this.#untilEnd) this.#last = true;
    const chunked = length === undefined && !this.#untilEnd;
    const ending = this.#fieldsOfConnection();
    const head = encodeResponseHead(
      status,
      statusText,
      headers,
      chunked ? `Transfer-Encoding: chunked\r\n${ending}` : ending,
    );
    this.#session.writer.begin(head, chunked ? undefined : uncounted);
    this.begun = true;
  }

  inform(status: number, headers: readonly string[]): void {
    // HTTP/1.0 knows no interim responses.
    if (this.begun || this.done || this.#head.minor === 0) return;
    this.#session.writer.writeWhole(encodeInterimHead(status, headers), null);
  }

  write(chunk: Buffer): boolean {
    return this.#session.writer.write(chunk);
  }

  flush(): void {
    this.#session.writer.flush();
  }

  end(trailers?: readonly string[]): void {
    this.#session.writer.end(trailers);
    this.#finished();
  }

  breakOff(): void {
    // Where only the end of the connection ends the body, a FIN would look like a complete one.
    if (this.#untilEnd) this.connection.reset();
    else this.connection.destroy();
  }

  /** Decides whether this response is the connection's last one, and how its head ends. */
  #fieldsOfConnection(): string {
    const body = this.#streamed;
    if (body !== null) {
      const { wanted, missing, failure } = body;
      if (failure !== null || (!wanted && missing > smallRest)) this.#last = true;
    }
    if (this.endsConnection || this.#session.isLast) this.#last = true;
    return this.#last ? 'Connection: close\r\n\r\n' : this.#session.keepAlive;
  }

  /** The response is out. */
  #finished(): void {
    if (this.done) return;
    this.finish();
    this.#session.responded(this.#last, this.endedAt);
  }
}

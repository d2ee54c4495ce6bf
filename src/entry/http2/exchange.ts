import { clock } from '../../runtime/deadline-timers.ts';
import type { Placed } from '../../runtime/swap-remove-set.ts';
import { GatewayRequest, type RequestContext } from '../../http/context.ts';
import { ErrorCode, type StreamError } from '../../http/http2/frames/protocol.ts';
import type { Stream, StreamListener } from '../../http/http2/stream.ts';
import type { Fields } from '../../http/response-writer.ts';
import type { EntryLimits } from '../../config/types.ts';
import { GatewayError } from '../../errors.ts';
import type { Connection } from '../connection/connection.ts';
import { Exchange, type ExchangeOwner } from '../exchange/exchange.ts';
import { type Http2Head, responseFields } from './headers.ts';
import { Http2Body } from './request-body.ts';
import { Tunnel } from './tunnel.ts';

/**
 * How long a client that has all of the response may take to end its request, ms: with nothing left
 * to send but END_STREAM, and in the middle of a body that nobody reads. Clients lose a response
 * that a reset overtakes.
 */
const endTime = 1_000;
const uploadTime = 100;

/** Who keeps the exchanges of a connection. */
export interface ExchangeKeeper {
  onStreamClosed(exchange: Http2Exchange): void;
}

/** One request and its response over a stream of HTTP/2. */
export class Http2Exchange extends Exchange implements StreamListener, Placed {
  readonly takesLines = true;
  place = -1;
  begun = false;
  readonly #keeper: ExchangeKeeper;
  readonly #stream: Stream;
  readonly #head: Http2Head;
  readonly #body: Http2Body | null;
  readonly #tooLarge: GatewayError | null;
  readonly #begunAt = clock.now;
  /** Since when the client has all of the response but has not ended its request. */
  #endingSince = Infinity;
  /** The response is handed over, or nothing more can be said. */
  #ended = false;
  #tunnel: Tunnel | null = null;

  constructor(
    owner: ExchangeOwner,
    connection: Connection,
    keeper: ExchangeKeeper,
    stream: Stream,
    head: Http2Head,
    limits: EntryLimits,
  ) {
    super(owner, connection);
    this.#keeper = keeper;
    this.#stream = stream;
    this.#head = head;
    stream.listener = this;
    const { length, expectsContinue, upgrade } = head;
    // What follows an extended CONNECT is no body, but comes as one does.
    const limit = (upgrade === null && limits.max_request_body_size) || Infinity;
    const askForIt = expectsContinue ? () => this.inform(100, []) : null;
    this.#body = stream.remoteEnded ? null : new Http2Body(stream, { length, limit, askForIt });
    this.#tooLarge =
      length !== undefined && length > limit ? new GatewayError('BODY_TOO_LARGE', { limit }) : null;
  }

  // What happens on the stream.

  onData(chunk: Buffer): void {
    this.#body?.receive(chunk);
  }

  onEnd(trailers: readonly string[] | undefined): void {
    this.#endingSince = Infinity;
    this.#body?.end(trailers);
  }

  onWritable(): void {
    if (this.#tunnel !== null) this.#tunnel.resume();
    else this.onDrain?.();
  }

  onSent(): void {
    if (this.#tunnel !== null) return this.#tunnel.sent();
    this.finish();
    if (!this.#stream.remoteEnded) this.#endingSince = clock.now;
  }

  onClosed(_error: StreamError | null): void {
    this.#tunnel?.close();
    this.#ended = true;
    if (!this.done) this.clientGone();
    this.#body?.breakOff();
    this.#keeper.onStreamClosed(this);
  }

  // What the connection looks at now and then.

  get receiving(): boolean {
    return this.#body !== null && !this.#body.complete;
  }

  /** Whether a response waits for its client. */
  get owing(): boolean {
    return this.#tunnel === null && this.#stream.isBlocked;
  }

  /** Whether the client has taken nothing of this response for too long. */
  isStuck(now: number, writeTimeout: number): boolean {
    // Where it takes nothing at all, the connection is ended first.
    return this.#tunnel === null && this.#stream.stalled(now) >= 1.5 * writeTimeout;
  }

  /** Resets the stream of a request that is answered, when its client has had time to end it. */
  resetIfDue(now: number): void {
    if (now < this.#endingSince + uploadTime) return;
    // Without an announced length all of it may be here.
    const isWhole = this.#body !== null && this.#stream.expected <= 0;
    if (isWhole && now < this.#endingSince + endTime) return;
    this.#endingSince = Infinity;
    this.#stream.reset(ErrorCode.noError);
  }

  /** Whether the request takes longer than it may. */
  isLate(now: number, { read_timeout, request_timeout }: EntryLimits): boolean {
    if (this.#body === null || this.#ended || this.#head.upgrade !== null) return false;
    // Whoever reads the body waits for its end.
    if (!this.receiving && !this.#body.wanted) return false;
    if (request_timeout > 0 && now - this.#begunAt >= request_timeout) return true;
    return read_timeout > 0 && this.#body.arrival.silence(now) >= read_timeout;
  }

  // The response.

  protected get ended(): boolean {
    return this.#ended;
  }

  send(status: number, _statusText: string, headers: Fields, body: Buffer | null): void {
    if (this.#ended) return;
    const isLast = body === null || body.length === 0;
    this.#writeHead(status, headers, isLast);
    this.#complete();
    if (isLast) return;
    this.#stream.write(body);
    this.#stream.end();
  }

  begin(status: number, _statusText: string, headers: Fields): void {
    if (!this.#ended) this.#writeHead(status, headers, false);
  }

  inform(status: number, headers: readonly string[]): void {
    if (this.begun || this.#ended) return;
    try {
      this.#stream.respond(status, headers, false);
    } catch {
      // A field that must not be in a message: the client is not told of it.
    }
  }

  write(chunk: Buffer): boolean {
    return this.#ended || this.#stream.write(chunk);
  }

  flush(): void {
    // The head goes out at the end of the turn, with what there is of the body by then.
  }

  end(trailers?: readonly string[]): void {
    if (this.#ended) return;
    this.#complete();
    this.#stream.end(trailers);
  }

  breakOff(): void {
    this.#stream.reset(ErrorCode.internalError);
  }

  protected override run(context: RequestContext): void | PromiseLike<void> {
    const refusal = this.#head.refusal ?? this.#tooLarge;
    if (refusal) throw refusal;
    return super.run(context);
  }

  protected newRequest(): GatewayRequest {
    const { method, target, headers, expectsContinue, upgrade } = this.#head;
    const body = upgrade === null ? this.#body : null;
    const request = new GatewayRequest(method, target, headers, body);
    request.expectsContinue = expectsContinue;
    request.upgrade = upgrade;
    return request;
  }

  protected failBody(error: GatewayError): void {
    this.#body?.fail(error);
  }

  /** The node has taken up the WebSocket: to this client that is a success (RFC 8441, 5). */
  protected switchProtocols({ response, upgraded }: RequestContext): void {
    if (upgraded === null || this.#ended) return;
    response.headers.remove('Sec-WebSocket-Accept');
    this.#writeHead(200, response.headers.asArray(), false);
    this.#ended = true;
    this.finish();
    this.#tunnel = new Tunnel(this.#stream, this.#body, upgraded);
  }

  #writeHead(status: number, headers: Fields, isLast: boolean): void {
    if (!Number.isInteger(status) || status < 200 || status > 999) {
      throw new RangeError(`${status} is no status of a response`);
    }
    const fields = responseFields(headers);
    // It may be all of the response, and what is told then has to be right.
    this.begun = true;
    if (isLast) this.#ended = true;
    try {
      this.#stream.respond(status, fields, isLast);
    } catch (error) {
      this.begun = this.#ended = false;
      throw error;
    }
  }

  /** The response is handed over: what the client still sends of its body is not wanted. */
  #complete(): void {
    this.#ended = true;
    if (this.receiving) this.#body?.discard();
  }
}

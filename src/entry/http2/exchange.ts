import type { ServerHttp2Stream } from 'node:http2';
import { clock } from '../../runtime/deadline-timers.ts';
import { GatewayRequest, type RequestContext } from '../../http/context.ts';
import { own } from '../../http/http1/read-buffer.ts';
import type { EntryLimits } from '../../config/types.ts';
import { GatewayError } from '../../errors.ts';
import type { Connection } from '../connection/connection.ts';
import { Exchange, type ExchangeOwner } from '../exchange/exchange.ts';
import { Http2Body } from './request-body.ts';
import { fieldLists, type Http2Head, responseFields } from './headers.ts';

/** Error codes of RFC 9113, section 7. */
const noError = 0;
const internalError = 2;

/**
 * How long a client that has all of the response may take to end its request, ms: with nothing left
 * to send but END_STREAM, and in the middle of a body that nobody reads. Clients lose a response
 * that a reset overtakes.
 */
const endTime = 1_000;
const uploadTime = 100;
/**
 * Bytes that a client takes of a response within write_timeout, at least. node:http2 reports what was
 * taken by the part that was written, not by the byte.
 */
const slowestIntake = 8 << 10;

/** One request and its response over a stream of HTTP/2. */
export class Http2Exchange extends Exchange {
  readonly #stream: ServerHttp2Stream;
  readonly #head: Http2Head;
  readonly #body: Http2Body | null;
  readonly #tooLarge: GatewayError | null;
  readonly #begunAt = clock.now;
  #trailers: readonly string[] = [];
  #awaitsDrain = false;
  /** Since when the client has all of the response but has not ended its request. */
  #endingSince = Infinity;
  /** Bytes that waited for the client when that was last looked at, and since when it has been so. */
  #pending = 0;
  #pendingSince = clock.now;
  /** Not `writableEnded`, which is true of every HEAD from the start. */
  #ended = false;

  constructor(
    owner: ExchangeOwner,
    connection: Connection,
    stream: ServerHttp2Stream,
    head: Http2Head,
    limits: EntryLimits,
  ) {
    super(owner, connection);
    this.#stream = stream;
    this.#head = head;
    const { length, expectsContinue } = head;
    const limit = limits.max_request_body_size || Infinity;
    const options = { expectsContinue, limit };
    this.#body = stream.endAfterHeaders ? null : new Http2Body(stream, length, options);
    this.#tooLarge =
      length !== undefined && length > limit ? new GatewayError('BODY_TOO_LARGE', { limit }) : null;
  }

  /** The stream has closed. */
  closed(): void {
    if (this.#ended && this.#stream.writableFinished) this.finish();
    else this.clientGone();
  }

  get receiving(): boolean {
    return this.#body !== null && !this.#stream.readableEnded;
  }

  /** Whether a response waits for its client. */
  get owing(): boolean {
    return this.begun && this.#stream.writableLength > 0;
  }

  /** Whether the client takes this response so slowly that no part of it was taken for too long. */
  isStuck(now: number, writeTimeout: number): boolean {
    const pending = this.#stream.writableLength;
    if (pending === 0 || pending !== this.#pending) {
      this.#pending = pending;
      this.#pendingSince = now;
    }
    return now - this.#pendingSince >= writeTimeout * (1 + pending / slowestIntake);
  }

  /** Resets the stream of a request that is answered, when its client has had time to end it. */
  resetIfDue(now: number): void {
    if (now < this.#endingSince + uploadTime) return;
    const isWhole = this.#body !== null && this.#body.missing <= 0;
    if (isWhole && now < this.#endingSince + endTime) return;
    this.#endingSince = Infinity;
    this.#stream.close(noError);
  }

  /** Whether the request takes longer than it may. */
  isLate(now: number, { read_timeout, request_timeout }: EntryLimits): boolean {
    if (this.#body === null || this.#ended) return false;
    // Whoever reads the body waits for its end, whatever the stream reports.
    if (!this.receiving && !this.#body.wanted) return false;
    if (request_timeout > 0 && now - this.#begunAt >= request_timeout) return true;
    return read_timeout > 0 && this.#body.arrival.silence(now) >= read_timeout;
  }

  get begun(): boolean {
    return this.#stream.headersSent;
  }

  protected get ended(): boolean {
    return this.#ended || this.#stream.closed;
  }

  send(status: number, _statusText: string, headers: string[], body: Buffer | null): void {
    if (this.ended) return;
    const endStream = body === null || body.length === 0;
    this.#stream.respond(responseFields(status, headers), { endStream });
    if (!endStream) this.#stream.end(body);
    this.#complete(false);
  }

  begin(status: number, _statusText: string, headers: string[]): void {
    if (this.ended) return;
    this.#stream.respond(responseFields(status, headers), { waitForTrailers: true });
    this.#stream.on('wantTrailers', () => this.#sendTrailers());
  }

  inform(status: number, headers: readonly string[]): void {
    if (this.begun || this.ended) return;
    this.#stream.additionalHeaders({ ':status': status, ...fieldLists(headers) });
  }

  write(chunk: Buffer): boolean {
    if (this.ended || this.#stream.write(own(chunk))) return true;
    // One read may bring many parts, each of which is told to wait.
    if (!this.#awaitsDrain) {
      this.#awaitsDrain = true;
      this.#stream.once('drain', () => {
        this.#awaitsDrain = false;
        this.onDrain?.();
      });
    }
    return false;
  }

  flush(): void {
    // The head has gone out in a frame of its own.
  }

  end(trailers?: readonly string[]): void {
    if (this.ended) return;
    if (trailers) this.#trailers = trailers;
    this.#stream.end();
    this.#complete(true);
  }

  breakOff(): void {
    this.#stream.close(internalError);
  }

  protected override run(context: RequestContext): void | PromiseLike<void> {
    const refusal = this.#head.refusal ?? this.#tooLarge;
    if (refusal) throw refusal;
    return super.run(context);
  }

  protected newRequest(): GatewayRequest {
    const { method, target, headers, expectsContinue } = this.#head;
    const request = new GatewayRequest(method, target, headers, this.#body);
    request.expectsContinue = expectsContinue;
    return request;
  }

  protected failBody(error: GatewayError): void {
    this.#body?.fail(error);
  }

  protected switchProtocols(): void {
    // HTTP/2 has no Upgrade, so no flow is asked for one.
    this.breakOff();
  }

  /**
   * The response is handed over: what the client still sends of its body is not wanted.
   * @param trails whether its end is told after `finish`
   */
  #complete(trails: boolean): void {
    this.#ended = true;
    if (!this.receiving) return;
    this.#body?.discard();
    if (!trails) this.#stream.once('finish', () => this.#awaitEnd());
  }

  /** All of the response has gone out: the client is to end its request. */
  #awaitEnd(): void {
    if (this.receiving) this.#endingSince = clock.now;
  }

  #sendTrailers(): void {
    try {
      this.#stream.sendTrailers(fieldLists(this.#trailers));
    } catch {
      // Trailers that HTTP/2 does not allow.
      this.#stream.close();
    }
    this.#awaitEnd();
  }
}

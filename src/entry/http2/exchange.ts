import type { ServerHttp2Stream } from 'node:http2';
import { clock } from '../../runtime/deadline-timers.ts';
import { GatewayRequest, type RequestContext } from '../../http/context.ts';
import { own } from '../../http/http1/read-buffer.ts';
import type { EntryLimits } from '../../config/types.ts';
import { GatewayError } from '../../errors.ts';
import type { Connection } from '../connection/connection.ts';
import { Exchange, type ExchangeOwner } from '../exchange/exchange.ts';
import { Http2Body } from './request-body.ts';
import { type Http2Head, responseFields } from './headers.ts';

/** Error codes of RFC 9113, section 7. */
const noError = 0;
const internalError = 2;

/** One request and its response over a stream of HTTP/2. */
export class Http2Exchange extends Exchange {
  readonly #stream: ServerHttp2Stream;
  readonly #head: Http2Head;
  readonly #body: Http2Body | null;
  readonly #tooLarge: GatewayError | null;
  readonly #begunAt = clock.now;
  #trailers: readonly string[] = [];
  #awaitsDrain = false;
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

  override isLate(now: number, { read_timeout, request_timeout }: EntryLimits): boolean {
    if (this.#body === null || this.#ended || !this.receiving) return false;
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
    this.#complete();
  }

  begin(status: number, _statusText: string, headers: string[]): void {
    if (this.ended) return;
    this.#stream.respond(responseFields(status, headers), { waitForTrailers: true });
    this.#stream.on('wantTrailers', () => this.#sendTrailers());
  }

  inform(status: number, headers: readonly string[]): void {
    if (this.begun || this.ended) return;
    const fields: Record<string, number | string[]> = { ':status': status };
    for (let i = 0; i < headers.length; i += 2) {
      const name = (headers[i] as string).toLowerCase();
      ((fields[name] ??= []) as string[]).push(headers[i + 1] as string);
    }
    this.#stream.additionalHeaders(fields);
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
    this.#complete();
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

  /** The response is handed over: what the client still sends of its body is not wanted. */
  #complete(): void {
    this.#ended = true;
    const stream = this.#stream;
    if (!this.receiving) return;
    this.#body?.discard();
    stream.once('finish', () => {
      if (!stream.readableEnded) stream.close(noError);
    });
  }

  #sendTrailers(): void {
    const fields: Record<string, string[]> = {};
    for (let i = 0; i < this.#trailers.length; i += 2) {
      const name = (this.#trailers[i] as string).toLowerCase();
      (fields[name] ??= []).push(this.#trailers[i + 1] as string);
    }
    try {
      this.#stream.sendTrailers(fields);
    } catch {
      // Trailers that HTTP/2 does not allow.
      this.#stream.close();
    }
  }
}

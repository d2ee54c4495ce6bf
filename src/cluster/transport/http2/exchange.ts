import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { type BodySink, type BodySource, isBuffered } from '../../../http/body/body.ts';
import { own } from '../../../http/http1/read-buffer.ts';
import { HeaderList } from '../../../http/headers/header-list.ts';
import { countBodyBytes } from '../../../runtime/external-memory.ts';
import { hasEnded, noteEnd } from '../../../runtime/http2-end.ts';
import { GatewayError, reasonOf } from '../../../errors.ts';
import { clock, type Timed } from '../../../runtime/deadline-timers.ts';
import { ResponseBody } from '../response-body.ts';
import type {
  FailurePhase,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
} from '../transport.ts';

/** Error codes of RFC 9113, section 7. */
const internalError = 2;
const refusedStream = 7;
const cancel = 8;

/** Bytes of a request's body that are passed on only as fast as the node takes them. */
const careful = 256 << 10;

/** What an exchange asks of the session that carries it. */
export interface StreamCarrier {
  /** What errors call the node. */
  readonly node: string;
  /** Whether the connection has closed, or been told to. */
  readonly isOver: boolean;
  /** Whether responses have come by it before. */
  readonly served: number;
  /** The highest stream that the node has processed, as its GOAWAY tells; Infinity without one. */
  readonly lastStream: number;
  /** The node does not answer in time: the next request had better take another connection. */
  doubt(): void;
}

/** One request and its response on a stream of a connection to a node. */
export class StreamExchange extends ResponseBody implements UpstreamExchange, BodySink, Timed {
  deadline = Infinity;
  place = -1;
  readonly takesLent = true;
  readonly request: UpstreamRequest;
  readonly #handler: UpstreamHandler;
  #carrier: StreamCarrier | null = null;
  #stream: ClientHttp2Stream | null = null;
  /** Set while it waits for a connection. */
  onAbort: ((exchange: StreamExchange) => void) | null = null;
  /** Carries it in place of this one, where the node speaks HTTP/1.1 only. */
  substitute: UpstreamExchange | null = null;
  #requestSent = false;
  #sent = 0;
  #requestTrailers: readonly string[] = [];
  #answered = false;
  #trailers: string[] = [];
  #streamError: Error | null = null;

  constructor(request: UpstreamRequest, handler: UpstreamHandler) {
    super();
    this.request = request;
    this.#handler = handler;
  }

  get handler(): UpstreamHandler {
    return this.#handler;
  }

  /** Sends the request on `stream`, which `fields` of it were given to. */
  carry(carrier: StreamCarrier, stream: ClientHttp2Stream): void {
    this.onAbort = null;
    this.#carrier = carrier;
    this.#stream = stream;
    noteEnd(stream);
    stream.on('error', (error) => (this.#streamError = error));
    stream.on('close', () => this.#closed());
    stream.on('headers', (fields, _flags, raw) => this.#inform(fields, raw));
    stream.on('response', (fields, flags, raw) => {
      this.#takeHead(fields, (flags & 1) !== 0, raw);
    });
    clock.add(this);
    const { body, headTimeout } = this.request;
    if (isBuffered(body)) {
      this.#requestSent = true;
      this.deadline = clock.deadline(headTimeout);
      if (body !== null) stream.end(body);
    } else {
      stream.on('wantTrailers', () => this.#sendTrailers());
      body.start(this);
    }
  }

  // The request's body, from its source.

  write(chunk: Buffer): boolean {
    const stream = this.#stream;
    if (stream === null || stream.destroyed || stream.closed) return false;
    this.#sent += chunk.length;
    // Up to what may be kept for another attempt nothing is taken that the node has not asked for.
    const waits = !stream.write(own(chunk), this.#onTaken) || this.#sent <= careful;
    this.#timeHead(waits);
    return !waits;
  }

  readonly #onTaken = (error?: Error | null): void => {
    if (error || this.#requestSent || this.#stream === null) return;
    if (this.#stream.writableLength > 0) return;
    this.#timeHead(false);
    (this.request.body as BodySource).resume();
  };

  end(trailers: readonly string[] = []): void {
    this.#requestSent = true;
    this.#requestTrailers = trailers;
    this.#stream?.end();
    this.#timeHead(true);
  }

  fail(error: Error): void {
    this.#requestSent = true;
    this.#break(error, 'sent');
  }

  #sendTrailers(): void {
    const fields: Record<string, string[]> = {};
    const trailers = this.#requestTrailers;
    for (let i = 0; i < trailers.length; i += 2) {
      (fields[(trailers[i] as string).toLowerCase()] ??= []).push(trailers[i + 1] as string);
    }
    try {
      this.#stream?.sendTrailers(fields);
    } catch (error) {
      this.fail(new GatewayError('REQUEST_MALFORMED', { reason: reasonOf(error) }, error));
    }
  }

  /** The node is timed while it does not take what there is, not while the client is slow. */
  #timeHead(waiting: boolean): void {
    if (this.#answered || this.#stream === null) return;
    this.deadline = waiting ? clock.deadline(this.request.headTimeout) : Infinity;
  }

  // The response.

  #inform(fields: IncomingHttpHeaders, raw: readonly string[]): void {
    const status = Number(fields[':status']);
    // What follows the response's head without ending it is no head of its own.
    if (this.over || this.#answered || !(status >= 100 && status < 200)) return;
    this.#handler.onInformation(status, withoutPseudo(raw));
  }

  #takeHead(fields: IncomingHttpHeaders, isWhole: boolean, raw: readonly string[]): void {
    const stream = this.#stream;
    if (stream === null || this.over || this.#answered) return;
    const status = Number(fields[':status']);
    if (!Number.isInteger(status) || status < 200 || status > 999) {
      this.#break(this.#broken(`illegal status ${String(fields[':status'])}`), 'sent');
      return;
    }
    this.#answered = true;
    const headers = withoutPseudo(raw);
    const { method, bodyTimeout } = this.request;
    this.length = announcedLength(headers);
    const bare = isWhole || method === 'HEAD' || status === 204 || status === 304;
    if (bare || this.length === 0) this.over = true;
    this.deadline = clock.deadline(bodyTimeout);
    stream.on('end', () => this.#ended());
    stream.on('trailers', (_fields, _flags, lines?: string[]) => {
      this.#trailers = withoutPseudo(lines ?? []);
    });
    stream.on('data', (chunk: Buffer) => this.#takeData(chunk));
    this.#handler.onHead(status, '', new HeaderList(headers), this.over ? null : this);
    if (!this.over && !this.isRead) this.#pause();
  }

  #takeData(chunk: Buffer): void {
    countBodyBytes(chunk.length);
    // Nobody wants it: the end of the stream is waited for, within the time for silence.
    if (this.over) return;
    this.deadline = clock.deadline(this.request.bodyTimeout);
    if (!this.take(chunk)) this.#pause();
  }

  #pause(): void {
    this.deadline = Infinity;
    this.#stream?.pause();
  }

  protected resumeResponse(): void {
    const stream = this.#stream;
    if (stream === null || !stream.isPaused()) return;
    this.deadline = clock.deadline(this.request.bodyTimeout);
    stream.resume();
  }

  #ended(): void {
    const stream = this.#stream;
    if (stream === null) return;
    if (!hasEnded(stream)) {
      this.#break(this.#broken('it cancelled the response'), 'sent');
      return;
    }
    this.#leave();
    const { body } = this.request;
    if (!this.#requestSent) {
      // The node has answered before it had everything.
      this.#reset(stream);
      if (!isBuffered(body)) body.cancel();
    }
    if (!this.over) this.complete(this.#trailers);
  }

  /** The stream has closed; before that, all that there was of a complete response is told. */
  #closed(): void {
    const stream = this.#stream;
    const carrier = this.#carrier;
    if (stream === null || carrier === null) return;
    const { rstCode } = stream;
    if (rstCode === refusedStream || (stream.id ?? Infinity) > carrier.lastStream) {
      this.#break(this.#broken('it refused the request'), 'refused');
      return;
    }
    const closedIdle = carrier.isOver && carrier.served > 0 && rstCode === cancel;
    const reason = carrier.isOver
      ? 'it closed the connection'
      : this.#streamError === null
        ? `it reset the stream with code ${rstCode}`
        : reasonOf(this.#streamError);
    this.#break(this.#broken(reason), closedIdle ? 'stale' : 'sent');
  }

  expire(): void {
    const { headTimeout, bodyTimeout } = this.request;
    const timeout = this.#answered ? bodyTimeout : headTimeout;
    const carrier = this.#carrier;
    if (carrier === null) return;
    carrier.doubt();
    this.#break(new GatewayError('UPSTREAM_TIMEOUT', { node: carrier.node, timeout }), 'sent');
  }

  #broken(reason: string): GatewayError {
    return new GatewayError('UPSTREAM_BROKEN', { node: this.#carrier?.node ?? '', reason });
  }

  #break(error: Error, phase: FailurePhase): void {
    const answered = this.#answered;
    const stream = this.#stream;
    const { body } = this.request;
    this.#leave();
    this.#reset(stream);
    if (answered && !this.#requestSent && !isBuffered(body)) body.cancel();
    this.breakOff(error, answered ? 'response' : phase);
  }

  /** It failed, or got no connection. */
  breakOff(error: Error, phase: FailurePhase): void {
    if (this.over) return;
    if (this.#answered) {
      this.breakBody(error);
      return;
    }
    this.over = true;
    this.#handler.onError(error, phase);
  }

  /** Nothing more is expected of the stream. */
  #leave(): void {
    clock.delete(this);
    this.#stream = null;
  }

  /**
   * Resets the stream. node:http2 ends a body before it resets its stream, so that a part of it would
   * pass for all, unless the stream waits for trailers; and it ends the process when such a stream
   * is cancelled.
   */
  #reset(stream: ClientHttp2Stream | null): void {
    stream?.close(isBuffered(this.request.body) ? cancel : internalError);
  }

  abort(reason?: Error): void {
    if (this.substitute !== null) return this.substitute.abort(reason);
    if (this.over) return;
    this.drop();
    const stream = this.#stream;
    this.#leave();
    this.#reset(stream);
    this.onAbort?.(this);
  }
}

function withoutPseudo(raw: readonly string[]): string[] {
  const fields: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (!name.startsWith(':')) fields.push(name, raw[i + 1] as string);
  }
  return fields;
}

/** nghttp2 has seen to it that it is a number, and the length of what comes. */
function announcedLength(headers: readonly string[]): number | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'content-length') return Number(headers[i + 1]);
  }
  return undefined;
}

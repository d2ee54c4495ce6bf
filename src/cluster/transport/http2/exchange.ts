import { type BodySink, type BodySource, isBuffered } from '../../../http/body/body.ts';
import { isIllegalValue, isToken } from '../../../http/headers/syntax.ts';
import type { ClientSession, RequestFields } from '../../../http/http2/client-session.ts';
import type { FieldSection } from '../../../http/http2/field-section.ts';
import { ErrorCode, type StreamError } from '../../../http/http2/frames/protocol.ts';
import type { Stream, StreamListener } from '../../../http/http2/stream.ts';
import { GatewayError } from '../../../errors.ts';
import { clock, type Timed } from '../../../runtime/deadline-timers.ts';
import { ResponseBody } from '../response-body.ts';
import type {
  FailurePhase,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
} from '../transport.ts';

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
  /** A response has come. */
  onResponse(): void;
  /** The exchange's stream has closed. */
  onStreamClosed(): void;
  /** The node does not answer in time: the next request had better take another connection. */
  doubt(): void;
}

/** One request and its response on a stream of a connection to a node. */
export class StreamExchange
  extends ResponseBody
  implements UpstreamExchange, BodySink, StreamListener, Timed
{
  deadline = Infinity;
  place = -1;
  readonly takesLent = true;
  readonly request: UpstreamRequest;
  readonly #handler: UpstreamHandler;
  #carrier: StreamCarrier | null = null;
  /** Null before there is one, and after all of the response is here or the exchange has failed. */
  #stream: Stream | null = null;
  /** Where bytes that somebody takes come from, as long as there are any. */
  #source: Stream | null = null;
  /** Bytes that have come, and count as taken when whoever reads goes on. */
  #unpaid = 0;
  /** Set while it waits for a connection. */
  onAbort: ((exchange: StreamExchange) => void) | null = null;
  /** Carries it in place of this one, where the node speaks HTTP/1.1 only. */
  substitute: UpstreamExchange | null = null;
  #requestSent = false;
  #sent = 0;
  #answered = false;

  constructor(request: UpstreamRequest, handler: UpstreamHandler) {
    super();
    this.request = request;
    this.#handler = handler;
  }

  get handler(): UpstreamHandler {
    return this.#handler;
  }

  /** Sends the request. @throws TypeError for what must not be in a message */
  carry(carrier: StreamCarrier, session: ClientSession, fields: RequestFields): void {
    const { body, headTimeout } = this.request;
    const stream = session.request(fields, body === null, this);
    this.onAbort = null;
    this.#carrier = carrier;
    this.#stream = this.#source = stream;
    clock.add(this);
    if (!isBuffered(body)) {
      body.start(this);
      return;
    }
    this.#requestSent = true;
    this.deadline = clock.deadline(headTimeout);
    if (body === null) return;
    stream.write(body);
    stream.end();
  }

  // The request's body, from its source.

  write(chunk: Buffer): boolean {
    const stream = this.#stream;
    if (stream === null) return false;
    this.#sent += chunk.length;
    let hasRoom = stream.write(chunk);
    if (hasRoom && this.#sent <= careful) {
      // Up to what may be kept for another attempt nothing is taken that the node has not asked for.
      stream.waitForTurn();
      hasRoom = false;
    }
    this.#timeHead(!hasRoom);
    return hasRoom;
  }

  end(trailers: readonly string[] = []): void {
    const illegal = illegalField(trailers);
    if (illegal !== null) {
      const reason = `field ${JSON.stringify(illegal)} holds an illegal character`;
      this.fail(new GatewayError('REQUEST_MALFORMED', { reason }));
      return;
    }
    this.#requestSent = true;
    this.#stream?.end(trailers);
    this.#timeHead(true);
  }

  fail(error: Error): void {
    this.#requestSent = true;
    this.#break(error, 'sent');
  }

  onWritable(): void {
    if (this.#requestSent || this.#stream === null) return;
    this.#timeHead(false);
    (this.request.body as BodySource).resume();
  }

  onSent(): void {
    // The body's source, or the request itself, has said so.
  }

  /** The node is timed while it does not take what there is, not while the client is slow. */
  #timeHead(waiting: boolean): void {
    if (this.#answered || this.#stream === null) return;
    this.deadline = waiting ? clock.deadline(this.request.headTimeout) : Infinity;
  }

  // The response.

  onHead(section: FieldSection, isLast: boolean): void {
    const { status, length } = section;
    if (this.over) return;
    if (status < 200) {
      this.#handler.onInformation(status, section.headers.asArray());
      return;
    }
    this.#answered = true;
    this.#carrier?.onResponse();
    const { method, bodyTimeout } = this.request;
    this.length = length < 0 ? undefined : length;
    const isBare = isLast || method === 'HEAD' || status === 204 || status === 304;
    if (isBare || length === 0) this.over = true;
    this.deadline = clock.deadline(bodyTimeout);
    this.#handler.onHead(status, '', section.headers, this.over ? null : this);
  }

  onData(chunk: Buffer): void {
    const { length } = chunk;
    // Nobody wants it: the end of the stream is waited for, within the time for silence.
    if (this.over) this.#source?.consume(length);
    else {
      this.deadline = clock.deadline(this.request.bodyTimeout);
      if (this.take(chunk)) this.#source?.consume(length);
      else {
        this.#unpaid += length;
        this.deadline = Infinity;
      }
    }
  }

  protected resumeResponse(): void {
    this.#pay();
    if (this.#stream === null) return;
    this.deadline = clock.deadline(this.request.bodyTimeout);
  }

  override resume(): void {
    super.resume();
    if (this.over) this.#pay();
  }

  /** Whoever reads the body has taken what there was of it. */
  #pay(): void {
    this.#source?.consume(this.#unpaid);
    this.#unpaid = 0;
  }

  onEnd(trailers: readonly string[] = []): void {
    const stream = this.#stream;
    if (stream === null) return;
    this.#leave();
    const { body } = this.request;
    if (!this.#requestSent) {
      // The node has answered before it had everything.
      this.#reset(stream);
      if (!isBuffered(body)) body.cancel();
    }
    if (!this.over) this.complete(trailers);
    if (this.over) this.#pay();
  }

  onClosed(error: StreamError | null): void {
    const carrier = this.#carrier as StreamCarrier;
    if (this.#stream !== null && error !== null) {
      const broken = this.#broken(error.message);
      const closedIdle = carrier.isOver && carrier.served > 0 && error.code === ErrorCode.cancel;
      this.#break(broken, error.unprocessed ? 'refused' : closedIdle ? 'stale' : 'sent');
    }
    carrier.onStreamClosed();
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
   * A node that uses node:http2 takes a cancelled request for complete, so that part of a body would pass
   * for all of it.
   */
  #reset(stream: Stream | null): void {
    const isWhole = isBuffered(this.request.body);
    stream?.reset(isWhole ? ErrorCode.cancel : ErrorCode.internalError);
  }

  abort(reason?: Error): void {
    if (this.substitute !== null) return this.substitute.abort(reason);
    if (this.over) return;
    this.drop();
    const stream = this.#stream;
    this.#leave();
    this.#reset(stream);
    // What has come whole, and nobody reads any more.
    this.#source?.discard();
    this.onAbort?.(this);
  }
}

/** The name of the first field that must not be on the wire; null when all may. */
function illegalField(fields: readonly string[]): string | null {
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (!isToken(name) || isIllegalValue(fields[i + 1] as string)) return name;
  }
  return null;
}

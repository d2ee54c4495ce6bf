import { performance } from 'node:perf_hooks';
import { type Body, isBuffered } from '../../http/body/body.ts';
import { Completion, type CompletionListener } from '../../http/completion.ts';
import { type GatewayRequest, type InterimSink, RequestContext } from '../../http/context.ts';
import type { InflightBytes } from '../../http/body/memory-budget.ts';
import { GatewayError } from '../../errors.ts';
import type { Handler } from '../../flow/filter.ts';
import type { Log } from '../../log.ts';
import type { Connection } from '../connection/connection.ts';
import type { ForwardedFields } from './forwarded-headers.ts';
import { respond, respondError } from './respond.ts';
import type { RejectionCounts } from '../../ipc/rejections.ts';
import type { RequestCounts } from '../statistics.ts';
import type { Fields, ResponseWriter } from '../../http/response-writer.ts';

/** The rest of an unread body up to this size is read, so that the connection can go on; bytes. */
export const smallRest = 64 << 10;

/** The part of an entry that an exchange uses. */
export interface ExchangeOwner {
  readonly name: string;
  readonly log: Log;
  /** Whether the worker drains: every response then ends its connection. */
  readonly draining: boolean;
  /** The flow for a request. */
  readonly route: (context: RequestContext) => Handler;
  /** Requests under way. */
  requests: number;
  /** Requests that no filter has answered. */
  unanswered: number;
  /** Those that are over. */
  readonly counts: RequestCounts;
  /** Clients that were turned away before there was a request. */
  readonly rejections: RejectionCounts;
  /** Requests that one connection may bring; Infinity for no limit. */
  readonly maxRequests: number;
  readonly forwarded: ForwardedFields;
  readonly inflight: InflightBytes;
}

/** Processes that live at the same time have different ids: no two of their requests have the same. */
let lastId = (process.pid % 2 ** 22) * 2 ** 31;

/** One request and its response, however they go over the wire. */
export abstract class Exchange implements ResponseWriter, InterimSink, CompletionListener {
  onDrain: (() => void) | null = null;
  protected readonly owner: ExchangeOwner;
  protected readonly connection: Connection;
  /** Null until the request's turn on its connection has come. */
  protected context: RequestContext | null = null;
  /** Whether the response is out, or will never be. */
  protected done = false;

  constructor(owner: ExchangeOwner, connection: Connection) {
    this.owner = owner;
    this.connection = connection;
  }

  /** Whether the request's body is still arriving. */
  abstract get receiving(): boolean;
  abstract get begun(): boolean;
  abstract send(status: number, statusText: string, headers: Fields, body: Buffer | null): void;
  abstract begin(
    status: number,
    statusText: string,
    headers: Fields,
    length: number | undefined,
  ): void;
  abstract write(chunk: Buffer): boolean;
  abstract inform(status: number, headers: readonly string[]): void;
  abstract flush(): void;
  abstract end(trailers?: readonly string[]): void;
  abstract breakOff(): void;
  /** Whether no more can be written. */
  protected abstract get ended(): boolean;
  protected abstract newRequest(): GatewayRequest;
  /** Fails whoever reads the request's body. */
  protected abstract failBody(error: GatewayError): void;
  /** The flow left HTTP. */
  protected abstract switchProtocols(context: RequestContext): void;

  /** Runs the request; its turn on the connection has come. */
  start(): void {
    const { owner } = this;
    owner.requests++;
    const request = this.newRequest();
    request.inflight = owner.inflight;
    request.headSize = request.headers.size;
    const comesBack = owner.forwarded.comesBack(request.headers);
    owner.forwarded.apply(request.headers, this.connection);
    const context = new RequestContext(++lastId, owner.name, this.connection, request);
    context.response.inflight = owner.inflight;
    context.interim = this;
    this.context = context;
    try {
      if (comesBack) throw new GatewayError('LOOP_DETECTED');
      const pending = this.run(context);
      if (pending === undefined) this.#respond(context);
      else if (pending instanceof Completion) pending.whenCompleted(this);
      else void this.#respondLater(pending, context);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The request's flow has come to its end. */
  completed(error: unknown): void {
    if (error !== undefined) return this.#fail(error);
    try {
      this.#respond(this.context as RequestContext);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** The request's body turned out malformed, or did not come in time. */
  malformed(error: GatewayError): void {
    // The reader of the body may respond as soon as it fails; that response must not be aborted.
    const { begun } = this;
    this.failBody(error);
    if (begun) this.breakOff();
    else {
      const { context } = this;
      this.#fail(error);
      context?.abort();
    }
  }

  /** The connection has gone. */
  clientGone(): void {
    if (this.done) return;
    this.finish();
    const { context } = this;
    if (context === null) return;
    context.abort();
    cancel(context.response.body);
  }

  /** Whether the connection ends with this response; requests received after it come first. */
  protected get endsConnection(): boolean {
    const { owner, connection } = this;
    if (!owner.draining && connection.requests < owner.maxRequests) return false;
    return !connection.ahead;
  }

  /** Passes the request to its flow. */
  protected run(context: RequestContext): void | PromiseLike<void> {
    return this.owner.route(context)(context);
  }

  /** performance.now() when the response was out; now, while it is not. */
  protected get endedAt(): number {
    return this.context?.endedAt || performance.now();
  }

  /** Nothing more is to be done for the response. */
  protected finish(): void {
    if (this.done) return;
    this.done = true;
    if (this.context === null) return;
    const { owner, context } = this;
    owner.requests--;
    context.end();
    const answered = this.begun || context.upgraded !== null;
    const status = answered ? context.response.status : 0;
    owner.counts.add(status, context.endedAt - context.startedAt);
    context.request.release();
    context.response.release();
  }

  #respond(context: RequestContext): void {
    const { failure } = context.response;
    context.request.releaseBody();
    if (failure !== null) {
      this.owner.log.debug({ entry: context.entry, code: failure.code }, failure.message);
    }
    if (context.aborted) {
      cancel(context.response.body);
      context.upgraded?.socket.destroy();
    } else if (context.upgraded !== null) this.switchProtocols(context);
    else if (context.response.isGiven) respond(context, this);
    else this.#failUnanswered(context);
  }

  #failUnanswered({ entry, request }: RequestContext): void {
    const { owner } = this;
    if (owner.unanswered++ % 1000 === 0) {
      const told = { entry, method: request.method, path: request.path, times: owner.unanswered };
      owner.log.warn(told, 'no filter answered a request');
    }
    this.#fail(new GatewayError('REQUEST_UNANSWERED'));
  }

  async #respondLater(pending: PromiseLike<void>, context: RequestContext): Promise<void> {
    try {
      await pending;
      this.#respond(context);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(thrown: unknown): void {
    const { context } = this;
    if (context === null || this.ended) return;
    context.upgraded?.socket.destroy();
    context.upgraded = null;
    try {
      respondError(context, this, thrown, this.owner.log);
    } catch (error) {
      this.owner.log.error({ error, entry: this.owner.name }, 'an error could not be answered');
      this.breakOff();
    }
  }
}

function cancel(body: Body): void {
  if (!isBuffered(body)) body.cancel(new GatewayError('CLIENT_GONE'));
}

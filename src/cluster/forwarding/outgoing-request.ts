import { type Body, type BodySource, isBuffered } from '../../http/body/body.ts';
import { compressed } from '../../http/body/compression.ts';
import { ReplayBody } from '../../http/body/replay.ts';
import type { RequestContext } from '../../http/context.ts';
import type { HeaderList } from '../../http/headers/header-list.ts';
import type { ForwardOptions } from '../cluster.ts';
import type { Node } from '../nodes/node.ts';
import type { UpstreamRequest } from '../transport/transport.ts';
import { requestFields, requestLines } from './request-headers.ts';
import type { ForwardTarget } from './target.ts';

/** Bytes that an HTTP/2 node may be sent of a body before it shows that it takes the request. */
const refusableBytes = 256 << 10;
/** Bytes of a body that are waited for where connections are scarce. */
const gatheredBytes = 16 << 10;

/** The client's request as the nodes of a cluster get it, and its body for as often as it is sent. */
export class OutgoingRequest {
  readonly #target: ForwardTarget;
  readonly #context: RequestContext;
  readonly #options: ForwardOptions;
  #body: Body;
  /** Value of Host; each node's own when it is empty. */
  #host = '';
  #headers: readonly string[] | string = '';

  /** Takes the request's body. */
  constructor(target: ForwardTarget, context: RequestContext, options: ForwardOptions) {
    this.#target = target;
    this.#context = context;
    this.#options = options;
    this.#body = context.request.takeBody();
  }

  get body(): Body {
    return this.#body;
  }

  /** Before the first attempt: makes the fields, and keeps a body that may have to be sent again. */
  prepare(): void {
    const { headers } = this.#context.request;
    if (this.#options.host === 'client') this.#host = headers.get('host') ?? '';
    this.#headers = this.#headersToSend(headers);
    if (!isBuffered(this.#body) && this.#mayBeRepeated()) this.#body = this.#kept(this.#body);
  }

  /** The request for that node. @param body its body, as it has to be sent */
  to(node: Node, body: Body): UpstreamRequest {
    const { request } = this.#context;
    return {
      method: request.method,
      target: request.target,
      host: this.#host || node.host,
      headers: this.#headers,
      body,
      expectsContinue: request.expectsContinue && this.#isUnasked,
      acceptsTrailers: this.#acceptsTrailers,
      upgrade: request.upgrade ?? undefined,
      headTimeout: this.#options.headTimeout,
      bodyTimeout: this.#options.bodyTimeout,
    };
  }

  /** Whether all of the request can be sent again. */
  get canReplay(): boolean {
    return isBuffered(this.#body) || (this.#body as Partial<ReplayBody>).replayable === true;
  }

  /** Whether a body that can be sent again is still on its way. */
  get isUploading(): boolean {
    return this.#body instanceof ReplayBody && !this.#body.complete;
  }

  /**
   * Whether a part of the body is waited for first; then `gathered` is called when it is there. A
   * client that sends next to nothing must not hold one of a few connections meanwhile.
   */
  gather(gathered: (error: Error | null) => void): boolean {
    const body = this.#body;
    if (isBuffered(body)) return false;
    const kept = body instanceof ReplayBody ? body : this.#kept(body);
    if (kept.started) return false;
    this.#body = kept;
    kept.gather(gatheredBytes, gathered);
    return true;
  }

  /** Before another attempt. */
  rewind(): void {
    if (this.#body instanceof ReplayBody) this.#body.rewind();
  }

  /** There is no other attempt; with an error nobody reads the body any more. */
  release(error: Error | undefined): void {
    if (this.#body instanceof ReplayBody) this.#body.release();
    if (error !== undefined && !isBuffered(this.#body)) this.#body.cancel(error);
  }

  #headersToSend(headers: HeaderList): readonly string[] | string {
    const { authorization, compress } = this.#target;
    const { via } = this.#options;
    const lines = via === null && !compress ? requestLines(headers, authorization) : null;
    if (lines !== null) return lines;
    const fields = requestFields(headers.asArray(), authorization);
    if (compress) this.#body = compressed(this.#body, fields);
    if (via !== null) fields.push('Via', via);
    return fields;
  }

  /** Whether this request would be sent again after a node has seen it. */
  #mayBeRepeated(): boolean {
    const { retry, isRead } = this.#options;
    const { method, target } = this.#context.request;
    const always = retry.onBusy || this.#target.http2;
    if (always || !retry.onFailure) return always;
    return retry.writesOnFailure || (retry.readsOnFailure && isRead(method, target));
  }

  #kept(body: BodySource): ReplayBody {
    const limit = this.#target.http2 ? refusableBytes : undefined;
    return new ReplayBody(body, limit, this.#context.request.inflight);
  }

  /** Whether the client has not been told to send the body. */
  get #isUnasked(): boolean {
    const body = this.#body;
    return !isBuffered(body) && !(body instanceof ReplayBody && body.started);
  }

  get #acceptsTrailers(): boolean {
    if (!this.#target.http2) return false;
    const te = this.#context.request.headers.get('te');
    return te !== undefined && /(?:^|,)\s*trailers\s*(?:$|,)/i.test(te);
  }
}

import type { Duplex } from 'node:stream';
import { type Body, type BodySource, isBuffered, lengthOf } from '../../http/body/body.ts';
import { Completion } from '../../http/completion.ts';
import type { AbortListener, ForwardRecord, RequestContext } from '../../http/context.ts';
import { HeaderList } from '../../http/headers/header-list.ts';
import { dropOfConnection } from '../../http/headers/hop-by-hop.ts';
import { GatewayError, reasonOf } from '../../errors.ts';
import type { ForwardOptions } from '../cluster.ts';
import { compressed } from '../../http/body/compression.ts';
import { Attempts, type AttemptTarget, type Repetition } from './attempts.ts';
import { requestFields, requestLines } from './request-headers.ts';
import { LimitedBody } from '../../http/body/limited.ts';
import { backendNames, type Node } from '../nodes/node.ts';
import { parseLines } from '../../http/headers/raw-lines.ts';
import type { NodeTraffic } from '../nodes/traffic-limits.ts';
import { ReplayBody } from '../../http/body/replay.ts';
import { type FailurePhase, isOfNode, lacksConnection } from '../transport/transport.ts';
import type { UpstreamExchange, UpstreamHandler } from '../transport/transport.ts';

/** What forwarding needs of a cluster. */
export interface ForwardTarget extends AttemptTarget {
  readonly name: string;
  /** Value of Authorization for requests that have none. */
  readonly authorization: string | null;
  readonly ejectFailing: boolean;
  /** Whether bodies of requests are compressed. */
  readonly compress: boolean;
  /** Whether nodes may speak HTTP/2, by which they can refuse a request that has been sent. */
  readonly http2: boolean;
}

const none: readonly Node[] = [];
/** Whether a Via field names that gateway. */
function names(value: string, via: string): boolean {
  return value.split(',').some((hop) => hop.trim().split(' ')[1] === via.split(' ')[1]);
}

/** How long after the first attempt another may begin, unless one alone may take longer, ms. */
const longestRepeating = 30_000;
/** Bytes that an HTTP/2 node may be sent of a body before it shows that it takes the request. */
const refusableBytes = 256 << 10;
/** Bytes of a body that are waited for where connections are scarce. */
const gatheredBytes = 16 << 10;

/**
 * One request on its way to a cluster: attempt after attempt, until a head is in the context, which
 * completes it, or an error is there.
 */
export class Forwarding
  extends Completion
  implements UpstreamHandler, AbortListener, ForwardRecord
{
  readonly #target: ForwardTarget;
  readonly #context: RequestContext;
  readonly #options: ForwardOptions;
  #node: Node | null = null;
  /** The node that was asked last. */
  #asked: Node | null = null;
  /** Null until an attempt has failed. */
  #attempts: Attempts | null = null;
  #exchange: UpstreamExchange | null = null;
  #body: Body;
  /** Value of Host; each node's own when it is empty. */
  #host = '';
  #fields: readonly string[] | string = '';
  /** What a `hash` balancer goes by. */
  #key = '';
  #attempt = 0;
  /** performance.now() */
  readonly #startedAt = performance.now();
  #endedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Set while the node's limits make the request wait. */
  #endWaiting: (() => void) | null = null;
  #over = false;

  constructor(target: ForwardTarget, context: RequestContext, options: ForwardOptions) {
    super();
    this.#target = target;
    this.#context = context;
    this.#options = options;
    this.#body = context.request.takeBody();
    context.forward = this;
  }

  get cluster(): string {
    return this.#target.name;
  }

  get node(): string {
    return this.#asked?.origin ?? '';
  }

  get repetitions(): number {
    return Math.max(0, this.#attempt - 1);
  }

  get elapsedMs(): number {
    return (this.#endedAt || performance.now()) - this.#startedAt;
  }

  start(): void {
    const context = this.#context;
    if (context.aborted) return this.#settle(new GatewayError('CLIENT_GONE'));
    const { headers } = context.request;
    const { via } = this.#options;
    if (via !== null && headers.getAll('via').some((value) => names(value, via))) {
      return this.#settle(new GatewayError('LOOP_DETECTED'));
    }
    this.#target.budget.earn();
    if (this.#options.host === 'client') this.#host = headers.get('host') ?? '';
    this.#fields = this.#fieldsToSend(headers);
    if (!isBuffered(this.#body) && this.#mayRepeat()) this.#body = this.#kept(this.#body);
    const { hashKey } = this.#options;
    if (hashKey !== null) this.#key = hashKey(context);
    context.onAbort(this);
    this.#try();
  }

  get #acceptsTrailers(): boolean {
    if (!this.#target.http2) return false;
    const te = this.#context.request.headers.get('te');
    return te !== undefined && /(?:^|,)\s*trailers\s*(?:$|,)/i.test(te);
  }

  #fieldsToSend(headers: HeaderList): readonly string[] | string {
    const { authorization, compress } = this.#target;
    const { via } = this.#options;
    const lines = via === null && !compress ? requestLines(headers, authorization) : null;
    if (lines !== null) return lines;
    const fields = requestFields(headers.raw, authorization);
    if (compress) this.#body = compressed(this.#body, fields);
    if (via !== null) fields.push('Via', via);
    return fields;
  }

  /** Whether this request would be sent again after a node has seen it. */
  #mayRepeat(): boolean {
    const { retry, isRead } = this.#options;
    const { method, target } = this.#context.request;
    const always = retry.onBusy || this.#target.http2;
    if (always || !retry.onFailure) return always;
    return retry.writesOnFailure || (retry.readsOnFailure && isRead(method, target));
  }

  #try(): void {
    const { name, balancer, nodes } = this.#target;
    const key = this.#key;
    const attempts = this.#attempts;
    const node = attempts === null ? balancer.pick(nodes, none, key) : attempts.pick(key);
    if (node === null)
      return this.#settle(new GatewayError('UPSTREAM_UNAVAILABLE', { cluster: name }));
    if (!isBuffered(this.#body) && node.transport.isScarce && this.#gathers(this.#body)) return;
    this.#node = node;
    node.inFlight++;
    const { traffic } = node;
    if (traffic === null) this.#send(node, this.#body);
    else this.#sendLimited(node, traffic);
  }

  /**
   * Whether a part of the body is waited for first. A client that sends next to nothing must not hold
   * one of a few connections meanwhile.
   */
  #gathers(body: BodySource): boolean {
    const kept = body instanceof ReplayBody ? body : this.#kept(body);
    if (kept.started) return false;
    this.#body = kept;
    kept.gather(gatheredBytes, (error) => {
      if (error !== null) this.#settle(error);
      else if (!this.#over) this.#try();
    });
    return true;
  }

  #kept(body: BodySource): ReplayBody {
    const limit = this.#target.http2 ? refusableBytes : undefined;
    return new ReplayBody(body, limit, this.#context.request.inflight);
  }

  /** Sends the request when the node's limits allow it. */
  #sendLimited(node: Node, traffic: NodeTraffic): void {
    const send = (): void => this.#send(node, traffic.metered(this.#body));
    const admission = traffic.admit(this.#body, (granted) => {
      this.#endWaiting = null;
      if (granted) return send();
      this.#leaveNode();
      const details = { node: node.origin, wait: traffic.patience };
      this.#settle(new GatewayError('UPSTREAM_LIMITED', details));
    });
    if (admission === true) send();
    else this.#endWaiting = admission;
  }

  #send(node: Node, body: Body): void {
    this.#asked = node;
    node.requests++;
    node.health.chosen();
    const attempt = ++this.#attempt;
    const { request } = this.#context;
    const exchange = node.transport.send(
      {
        method: request.method,
        target: request.target,
        host: this.#host || node.host,
        headers: this.#fields,
        body,
        expectsContinue: request.expectsContinue && this.#isUnasked,
        acceptsTrailers: this.#acceptsTrailers,
        upgrade: request.upgrade ?? undefined,
        headTimeout: this.#options.headTimeout,
        bodyTimeout: this.#options.bodyTimeout,
      },
      this,
    );
    if (attempt === this.#attempt && !this.#over) this.#exchange = exchange;
  }

  /** Whether the client has not been told to send the body. */
  get #isUnasked(): boolean {
    const body = this.#body;
    return !isBuffered(body) && !(body instanceof ReplayBody && body.started);
  }

  clientGone(): void {
    const error = new GatewayError('CLIENT_GONE');
    this.#exchange?.abort(error);
    this.#endWaiting?.();
    this.#endWaiting = null;
    this.#leaveNode();
    this.#settle(error);
  }

  onInformation(status: number, headers: string[]): void {
    // The entry answers 100 by itself, when the body is asked for.
    if (status === 100) return;
    dropOfConnection(headers);
    this.#context.interim?.inform(status, headers);
  }

  onHead(status: number, statusText: string, headers: HeaderList, body: Body): void {
    const node = this.#leaveNode() as Node;
    const failing = status === 502 || status === 503 || status === 504;
    if (failing) node.failures++;
    if (!failing) node.health.succeeded();
    else if (this.#target.ejectFailing) node.health.failed(`it answered ${status}`, false);
    if (failing || status === 429) {
      const repetition = this.#afterAnswer(status, node);
      if (repetition !== 'no') {
        if (!isBuffered(body)) body.cancel();
        return this.#again(repetition);
      }
    }
    const { maxResponseSize: limit } = this.#options;
    if (limit > 0) {
      const tooLarge = (): GatewayError => new GatewayError('RESPONSE_TOO_LARGE', { limit });
      if ((lengthOf(body) ?? 0) > limit) {
        const error = tooLarge();
        if (!isBuffered(body)) body.cancel(error);
        return this.#settle(error);
      }
      if (lengthOf(body) === undefined) body = new LimitedBody(body as BodySource, limit, tooLarge);
    }
    headers.removeOfConnection();
    if (this.#options.via !== null) headers.append('Via', this.#options.via);
    this.#tellOrigin(node, headers);
    this.#context.response.replaceBy(status, statusText, headers, body);
    this.#settle();
  }

  /** Adds where the response came from. */
  #tellOrigin(node: Node, headers: HeaderList): void {
    const { tells } = this.#options;
    if (tells === 'nothing') return;
    const lines = node.tell(tells === 'node' ? null : this.#target.name);
    if (!headers.appendNew(lines, backendNames)) {
      const fields = parseLines(lines.all);
      for (let i = 0; i < fields.length; i += 2) {
        headers.set(fields[i] as string, fields[i + 1] as string);
      }
    }
    if (this.repetitions > 0) headers.set('X-Retry-Times', `${this.repetitions}`);
  }

  onUpgrade(status: number, headers: string[], socket: Duplex, head: Buffer): void {
    this.#leaveNode()?.health.succeeded();
    this.#context.response.replaceBy(status, '', new HeaderList(headers), null);
    this.#context.upgraded = { socket, head };
    this.#settle();
  }

  onError(error: Error, phase: FailurePhase): void {
    const node = this.#leaveNode() as Node;
    const theNodes = isOfNode(error);
    // The end of a connection is no failure of the node.
    if (theNodes && phase !== 'stale' && phase !== 'refused') {
      node.failures++;
      if (this.#target.ejectFailing) node.health.failed(reasonOf(error), phase === 'connect');
    }
    if (!theNodes && !lacksConnection(error)) return this.#settle(error);
    const canReplay = this.#canReplay();
    const repetition = this.#made().afterFailure({ node, error, phase, canReplay });
    if (repetition === 'no') this.#settle(error);
    else this.#again(repetition);
  }

  #afterAnswer(status: number, node: Node): Repetition {
    // What is still uploading cannot be sent again.
    if (this.#body instanceof ReplayBody && !this.#body.complete) return 'no';
    return this.#canReplay() ? this.#made().afterAnswer(status, node) : 'no';
  }

  #made(): Attempts {
    if (this.#attempts === null) {
      const { retry, isRead, headTimeout } = this.#options;
      const { method, target } = this.#context.request;
      const until = this.#startedAt + Math.max(headTimeout, longestRepeating);
      this.#attempts = new Attempts(this.#target, retry, isRead(method, target), until);
    }
    return this.#attempts;
  }

  #canReplay(): boolean {
    return isBuffered(this.#body) || (this.#body as Partial<ReplayBody>).replayable === true;
  }

  #again(repetition: Repetition): void {
    if (this.#body instanceof ReplayBody) this.#body.rewind();
    if (repetition === 'at once') return this.#try();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#try();
    }, this.#options.retry.delay);
  }

  /** The attempt at the node is over. */
  #leaveNode(): Node | null {
    const node = this.#node;
    this.#node = this.#exchange = null;
    if (node !== null) node.inFlight--;
    return node;
  }

  #settle(error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#endedAt = performance.now();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#context.offAbort(this);
    if (this.#body instanceof ReplayBody) this.#body.release();
    if (error !== undefined && !isBuffered(this.#body)) this.#body.cancel(error);
    if (this.#options.failure === 'response' && error instanceof GatewayError && error.ofUpstream) {
      const { response } = this.#context;
      response.fail(error, (headers) => {
        if (this.#asked !== null) this.#tellOrigin(this.#asked, headers);
      });
      this.complete();
    } else this.complete(error);
  }
}

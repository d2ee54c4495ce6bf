import type { Duplex } from 'node:stream';
import { GatewayError } from '../../errors.ts';
import { type Body, isBuffered } from '../../http/body/body.ts';
import { Completion } from '../../http/completion.ts';
import type { AbortListener, ForwardRecord, RequestContext } from '../../http/context.ts';
import { HeaderList } from '../../http/headers/header-list.ts';
import { dropOfConnection } from '../../http/headers/hop-by-hop.ts';
import type { ForwardOptions } from '../cluster.ts';
import type { Node } from '../nodes/node.ts';
import { type FailurePhase, isOfNode, lacksConnection } from '../transport/transport.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { addOrigin, limitedBody, settleHeaders } from './delivery.ts';
import { OutgoingRequest } from './outgoing-request.ts';
import { Retries, type Repetition } from './retries.ts';
import type { ForwardTarget } from './target.ts';

const none: readonly Node[] = [];
/** How long after the first attempt another may begin, unless one alone may take longer. */
const longestRepeatingMs = 30_000;

/**
 * One request on its way to a cluster: attempt after attempt, each at the node that is picked for it,
 * until a response is in the context, which completes it, or an error is final.
 */
export class Forwarding extends Completion implements AttemptOwner, AbortListener, ForwardRecord {
  readonly #target: ForwardTarget;
  readonly #context: RequestContext;
  readonly #options: ForwardOptions;
  readonly #request: OutgoingRequest;
  /** What a `hash` balancer goes by. */
  #key = '';
  #attempt: Attempt | null = null;
  /** Null until an attempt has failed. */
  #retries: Retries | null = null;
  /** The node that the request was sent to last. */
  #asked: Node | null = null;
  #timesSent = 0;
  /** performance.now() */
  readonly #startedAt = performance.now();
  #endedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #over = false;

  constructor(target: ForwardTarget, context: RequestContext, options: ForwardOptions) {
    super();
    this.#target = target;
    this.#context = context;
    this.#options = options;
    this.#request = new OutgoingRequest(target, context, options);
    context.forward = this;
  }

  get cluster(): string {
    return this.#target.name;
  }

  get node(): string {
    return this.#asked?.origin ?? '';
  }

  get repetitions(): number {
    return Math.max(0, this.#timesSent - 1);
  }

  get elapsedMs(): number {
    return (this.#endedAt || performance.now()) - this.#startedAt;
  }

  start(): void {
    const context = this.#context;
    if (context.aborted) return this.#settle(new GatewayError('CLIENT_GONE'));
    const { via, hashKey } = this.#options;
    const { headers } = context.request;
    if (via !== null && headers.getAll('via').some((value) => names(value, via))) {
      return this.#settle(new GatewayError('LOOP_DETECTED'));
    }
    this.#target.budget.earn();
    this.#request.prepare();
    if (hashKey !== null) this.#key = hashKey(context);
    context.onAbort(this);
    this.#try();
  }

  clientGone(): void {
    const error = new GatewayError('CLIENT_GONE');
    this.#attempt?.abort(error);
    this.#settle(error);
  }

  #try(): void {
    const node = this.#pick();
    if (node === null) {
      return this.#settle(new GatewayError('UPSTREAM_UNAVAILABLE', { cluster: this.cluster }));
    }
    const request = this.#request;
    if (!isBuffered(request.body) && node.transport.isScarce && this.#gathers()) return;
    this.#attempt = new Attempt(node, request, this.#target.ejectFailing, this);
    this.#attempt.start();
  }

  /** Whether a part of the body is waited for first; the attempt is made after that. */
  #gathers(): boolean {
    return this.#request.gather((error) => {
      if (error !== null) this.#settle(error);
      else if (!this.#over) this.#try();
    });
  }

  #pick(): Node | null {
    if (this.#retries !== null) return this.#retries.pick(this.#key);
    return this.#target.balancer.pick(this.#target.nodes, none, this.#key);
  }

  onSending(node: Node): void {
    this.#asked = node;
    this.#timesSent++;
  }

  onInformation(status: number, headers: string[]): void {
    // The entry answers 100 by itself, when the body is asked for.
    if (status === 100) return;
    dropOfConnection(headers);
    this.#context.interim?.inform(status, headers);
  }

  onResponse(
    node: Node,
    isFailing: boolean,
    status: number,
    statusText: string,
    headers: HeaderList,
    body: Body,
  ): void {
    const repetition = isFailing || status === 429 ? this.#afterAnswer(status, node) : 'no';
    if (repetition !== 'no') {
      if (!isBuffered(body)) body.cancel();
      return this.#again(repetition);
    }
    let limited: Body;
    try {
      limited = limitedBody(body, this.#options.maxResponseSize);
    } catch (error) {
      return this.#settle(error as GatewayError);
    }
    settleHeaders(headers, this.#options.via);
    this.#addOrigin(node, headers);
    this.#context.response.replaceBy(status, statusText, headers, limited);
    this.#settle();
  }

  onUpgrade(status: number, headers: string[], socket: Duplex, head: Buffer): void {
    this.#context.response.replaceBy(status, '', new HeaderList(headers), null);
    this.#context.upgraded = { socket, head };
    this.#settle();
  }

  onFailure(node: Node, error: Error, phase: FailurePhase): void {
    if (!isOfNode(error) && !lacksConnection(error)) return this.#settle(error);
    const { canReplay } = this.#request;
    const repetition = this.#openRetries().afterFailure({ node, error, phase, canReplay });
    if (repetition === 'no') this.#settle(error);
    else this.#again(repetition);
  }

  onLimited(error: GatewayError): void {
    this.#settle(error);
  }

  #afterAnswer(status: number, node: Node): Repetition {
    // What is still uploading cannot be sent again.
    if (this.#request.isUploading || !this.#request.canReplay) return 'no';
    return this.#openRetries().afterAnswer(status, node);
  }

  #openRetries(): Retries {
    if (this.#retries === null) {
      const { retry, isRead, headTimeout } = this.#options;
      const { method, target } = this.#context.request;
      const until = this.#startedAt + Math.max(headTimeout, longestRepeatingMs);
      this.#retries = new Retries(this.#target, retry, isRead(method, target), until);
    }
    return this.#retries;
  }

  #again(repetition: Repetition): void {
    this.#request.rewind();
    if (repetition === 'at once') return this.#try();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#try();
    }, this.#options.retry.delay);
  }

  #addOrigin(node: Node, headers: HeaderList): void {
    addOrigin(headers, node, this.cluster, this.#options.tells, this.repetitions);
  }

  #settle(error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#endedAt = performance.now();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#context.offAbort(this);
    this.#request.release(error);
    if (this.#options.failure === 'response' && error instanceof GatewayError && error.ofUpstream) {
      this.#context.response.fail(error, (headers) => {
        if (this.#asked !== null) this.#addOrigin(this.#asked, headers);
      });
      this.complete();
    } else this.complete(error);
  }
}

/** Whether a Via field names that gateway. */
function names(value: string, via: string): boolean {
  return value.split(',').some((hop) => hop.trim().split(' ')[1] === via.split(' ')[1]);
}

import { GatewayError } from '../../errors.ts';
import { HeadError } from '../../http/http1/response-head-full.ts';
import type { RetryPolicy } from '../cluster.ts';
import type { Node } from '../nodes/node.ts';
import type { FailurePhase } from '../transport/transport.ts';
import type { ForwardTarget } from './target.ts';

/** Whether and when there is another attempt. */
export type Repetition = 'no' | 'at once' | 'later';

/** An attempt that has failed. */
export interface FailedAttempt {
  readonly node: Node;
  readonly error: Error;
  readonly phase: FailurePhase;
  /** Whether all of the request can be sent again. */
  readonly canReplay: boolean;
}

const none: readonly Node[] = [];
/** Stale connections that one request may run into before that counts as a failure. */
const maxStale = 2;
/** How often a request may be refused unprocessed, as by nodes that end their connections. */
const maxRefusals = 32;

/**
 * What a request has met with so far, and whether it is sent again. Made when the first attempt has
 * failed.
 */
export class Retries {
  readonly #target: ForwardTarget;
  readonly #policy: RetryPolicy;
  /** Whether the request only reads. */
  readonly #reads: boolean;
  /** performance.now() after which no attempt begins. */
  readonly #until: number;
  /** Nodes tried in this round. */
  #tried: readonly Node[] = none;
  /** Nodes that would fail in the same way again. */
  #spent: readonly Node[] = none;
  #retries = 0;
  #stale = 0;
  #refusals = 0;
  #timedOut = false;

  constructor(target: ForwardTarget, policy: RetryPolicy, reads: boolean, until: number) {
    this.#target = target;
    this.#policy = policy;
    this.#reads = reads;
    this.#until = until;
  }

  /** Picks a node for the next attempt; when all were tried, another round begins. */
  pick(key: string): Node | null {
    const { balancer, nodes } = this.#target;
    const node = balancer.pick(nodes, this.#tried, key);
    if (node !== null || this.#tried.length === this.#spent.length) return node;
    this.#tried = this.#spent;
    return balancer.pick(nodes, this.#tried, key);
  }

  /** After an answer with that status, which the node may give again or not. */
  afterAnswer(status: number, node: Node): Repetition {
    const { onBusy, onFailure, readsOnFailure } = this.#policy;
    if (status === 429) return onBusy && this.#takeRetry() ? this.#elsewhere(node) : 'no';
    if (!onFailure || !readsOnFailure || !this.#reads || !this.#othersLeft(node)) return 'no';
    return this.#takeRetry() ? this.#elsewhere(node) : 'no';
  }

  afterFailure({ node, error, phase, canReplay }: FailedAttempt): Repetition {
    const { onFailure, readsOnFailure, writesOnFailure } = this.#policy;
    if (phase === 'response') return 'no';
    if (phase === 'connect') {
      if (this.#othersLeft(node)) return this.#isInTime(0) ? this.#elsewhere(node) : 'no';
      return onFailure && this.#takeRetry() ? this.#elsewhere(node) : 'no';
    }
    if (phase === 'refused') {
      const isTolerated = canReplay && this.#refusals++ < maxRefusals;
      return isTolerated && this.#isInTime(0) ? 'at once' : 'no';
    }
    const allowed = this.#reads ? readsOnFailure : writesOnFailure;
    if (!allowed || !onFailure || !canReplay) return 'no';
    if (phase === 'stale' && this.#stale++ < maxStale) return 'at once';
    if (isMalformed(error)) return this.#onlyElsewhere(node);
    if (error instanceof GatewayError && error.code === 'UPSTREAM_TIMEOUT') {
      // The request may be what is too heavy: it must not burden one node after the other.
      if (this.#timedOut) return 'no';
      this.#timedOut = true;
      return this.#onlyElsewhere(node);
    }
    return this.#takeRetry() ? this.#elsewhere(node) : 'no';
  }

  /** The node would fail again. */
  #onlyElsewhere(node: Node): Repetition {
    this.#spent = [...this.#spent, node];
    return this.#othersLeft(node) && this.#takeRetry(0) ? this.#elsewhere(node) : 'no';
  }

  #elsewhere(node: Node): Repetition {
    const others = this.#othersLeft(node);
    this.#tried = [...this.#tried, node];
    if (others) return 'at once';
    return this.#target.nodes.some((any) => any.weight > 0 && !this.#spent.includes(any))
      ? 'later'
      : 'no';
  }

  #othersLeft(node: Node): boolean {
    return this.#target.nodes.some(
      (other) => other !== node && other.weight > 0 && !this.#tried.includes(other),
    );
  }

  #takeRetry(delay = this.#policy.delay): boolean {
    if (this.#retries >= this.#policy.maxTimes || !this.#isInTime(delay)) return false;
    if (!this.#target.budget.spend()) return false;
    this.#retries++;
    return true;
  }

  #isInTime(delay: number): boolean {
    return performance.now() + delay <= this.#until;
  }
}

/** Whether the node has answered, but not as HTTP asks: it will do so again. */
function isMalformed({ cause }: Error): boolean {
  if (cause instanceof HeadError) return true;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && (code.startsWith('HPE_') || code.includes('HEADERS_OVERFLOW'));
}

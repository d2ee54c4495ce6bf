import type { Duplex } from 'node:stream';
import { GatewayError, reasonOf } from '../../errors.ts';
import type { Body } from '../../http/body/body.ts';
import type { HeaderList } from '../../http/headers/header-list.ts';
import type { Node } from '../nodes/node.ts';
import type { NodeTraffic } from '../nodes/traffic-limits.ts';
import {
  type FailurePhase,
  isOfNode,
  type UpstreamExchange,
  type UpstreamHandler,
} from '../transport/transport.ts';
import type { OutgoingRequest } from './outgoing-request.ts';

/** Hears of an attempt; each but `onInformation` and `onSending` ends it. */
export interface AttemptOwner {
  /** The request is about to be sent: the node's limits allow it. */
  onSending(node: Node): void;
  onInformation(status: number, headers: string[]): void;
  /** @param isFailing whether the node's answer is that of one that does not work */
  onResponse(
    node: Node,
    isFailing: boolean,
    status: number,
    statusText: string,
    headers: HeaderList,
    body: Body,
  ): void;
  onUpgrade(status: number, headers: string[], socket: Duplex, head: Buffer): void;
  onFailure(node: Node, error: Error, phase: FailurePhase): void;
  /** The node's limits did not allow it in time. */
  onLimited(error: GatewayError): void;
}

/**
 * One attempt to have a request answered by one node: waits for the node's limits, sends the request by
 * its transport, and counts what comes of it for the node's health.
 */
export class Attempt implements UpstreamHandler {
  readonly #node: Node;
  readonly #request: OutgoingRequest;
  readonly #ejectFailing: boolean;
  readonly #owner: AttemptOwner;
  #exchange: UpstreamExchange | null = null;
  /** Set while the node's limits make the request wait. */
  #endWaiting: (() => void) | null = null;
  #over = false;

  constructor(node: Node, request: OutgoingRequest, ejectFailing: boolean, owner: AttemptOwner) {
    this.#node = node;
    this.#request = request;
    this.#ejectFailing = ejectFailing;
    this.#owner = owner;
  }

  start(): void {
    const { traffic } = this.#node;
    this.#node.inFlight++;
    if (traffic === null) this.#send(this.#request.body);
    else this.#sendWithin(traffic);
  }

  abort(error: Error): void {
    if (this.#over) return;
    this.#exchange?.abort(error);
    this.#endWaiting?.();
    this.#leaveNode();
  }

  /** Sends the request when the node's limits allow it. */
  #sendWithin(traffic: NodeTraffic): void {
    const { body } = this.#request;
    const send = (): void => this.#send(traffic.metered(body));
    const admission = traffic.admit(body, (granted) => {
      this.#endWaiting = null;
      if (granted) return send();
      this.#leaveNode();
      const details = { node: this.#node.origin, wait: traffic.patience };
      this.#owner.onLimited(new GatewayError('UPSTREAM_LIMITED', details));
    });
    if (admission === true) send();
    else this.#endWaiting = admission;
  }

  #send(body: Body): void {
    const node = this.#node;
    node.requests++;
    node.health.chosen();
    this.#owner.onSending(node);
    const exchange = node.transport.send(this.#request.to(node, body), this);
    if (!this.#over) this.#exchange = exchange;
  }

  onInformation(status: number, headers: string[]): void {
    this.#owner.onInformation(status, headers);
  }

  onHead(status: number, statusText: string, headers: HeaderList, body: Body): void {
    const node = this.#node;
    this.#leaveNode();
    const isFailing = status === 502 || status === 503 || status === 504;
    if (isFailing) node.failures++;
    if (!isFailing) node.health.succeeded();
    else if (this.#ejectFailing) node.health.failed(`it answered ${status}`, false);
    this.#owner.onResponse(node, isFailing, status, statusText, headers, body);
  }

  onUpgrade(status: number, headers: string[], socket: Duplex, head: Buffer): void {
    this.#leaveNode();
    this.#node.health.succeeded();
    this.#owner.onUpgrade(status, headers, socket, head);
  }

  onError(error: Error, phase: FailurePhase): void {
    const node = this.#node;
    this.#leaveNode();
    // The end of a connection is no failure of the node.
    if (isOfNode(error) && phase !== 'stale' && phase !== 'refused') {
      node.failures++;
      if (this.#ejectFailing) node.health.failed(reasonOf(error), phase === 'connect');
    }
    this.#owner.onFailure(node, error, phase);
  }

  #leaveNode(): void {
    if (this.#over) return;
    this.#over = true;
    this.#exchange = this.#endWaiting = null;
    this.#node.inFlight--;
  }
}

import type { Duplex } from 'node:stream';
import { type BodySource, isBuffered } from '../../../http/body/body.ts';
import { MessageWriter } from '../../../http/http1/message-writer.ts';
import { clock, type Timed } from '../../../runtime/deadline-timers.ts';
import type { Http1Exchange } from './exchange.ts';

/** How long a node may leave a request that asks for `100 Continue` without an answer. */
const continueTimeoutMs = 1000;

/**
 * Sends the requests of one connection, one after the other. The node's time for an answer runs while it
 * does not take what there is, not while the client is slow.
 */
export class RequestSender {
  readonly #writer: MessageWriter;
  readonly #timed: Timed;
  /** The request's body waits for the node to ask for it. */
  #isBodyHeld = false;
  /** Whether the node takes nothing more. */
  isStopped = false;

  /** @param timed has its deadline set as the node is waited for */
  constructor(socket: Duplex, timed: Timed) {
    this.#writer = new MessageWriter(socket);
    this.#timed = timed;
  }

  get isBodyHeld(): boolean {
    return this.#isBodyHeld;
  }

  /** Whether something that was sent waits to be taken. */
  get isWaiting(): boolean {
    return this.#writer.waiting;
  }

  /** @param head the request's head, encoded */
  send(exchange: Http1Exchange, head: string): void {
    const { request } = exchange;
    const { body } = request;
    const writer = this.#writer;
    if (isBuffered(body)) {
      writer.writeWhole(head, body);
      exchange.requestSent = true;
      this.#timed.deadline = clock.deadline(request.headTimeout);
      return;
    }
    const isHeld = request.expectsContinue === true;
    this.#isBodyHeld = isHeld;
    this.#timed.deadline = isHeld ? clock.deadline(continueTimeoutMs) : Infinity;
    writer.begin(head, body.length);
    // Its first bytes may be here, and go out with the head.
    if (!isHeld) body.start(exchange);
    writer.flush();
  }

  /** The node asks for the body, or has been silent for long enough. */
  startBody(exchange: Http1Exchange): void {
    this.#isBodyHeld = false;
    this.#timed.deadline = Infinity;
    (exchange.request.body as BodySource).start(exchange);
  }

  /** Part of the body; false asks to wait for `drained`. */
  write(chunk: Buffer, exchange: Http1Exchange | null): boolean {
    if (this.isStopped) return false;
    const accepted = this.#writer.write(chunk);
    this.#timeAnswer(exchange, !accepted);
    return accepted;
  }

  end(trailers: readonly string[] | undefined, exchange: Http1Exchange): void {
    this.#writer.end(trailers);
    exchange.requestSent = true;
    this.#timeAnswer(exchange, true);
  }

  /** The connection takes more. */
  drained(exchange: Http1Exchange): void {
    if (exchange.requestSent || this.#isBodyHeld) return;
    this.#timeAnswer(exchange, false);
    exchange.resumeRequest();
  }

  #timeAnswer(exchange: Http1Exchange | null, isDue: boolean): void {
    if (exchange === null || exchange.answered) return;
    this.#timed.deadline = isDue ? clock.deadline(exchange.request.headTimeout) : Infinity;
  }
}

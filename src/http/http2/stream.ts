import type { Buffer } from 'node:buffer';
import { clock } from '../../runtime/deadline-timers.ts';
import { own } from '../http1/read-buffer.ts';
import type { FieldSection } from './field-section.ts';
import { type Inflow, type Outflow, Pumped, type SendingStream } from './flow-control.ts';
import type { FrameWriter } from './frames/frame-writer.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import { ErrorCode, FrameType, maxFramePayload, type StreamError } from './frames/protocol.ts';

/** Who is told what happens on a stream. `onClosed` comes once, and last. */
export interface StreamListener {
  /** A response's head, final or interim (1xx): on the side of the client alone. */
  onHead?(section: FieldSection, isLast: boolean): void;
  /** A part of the body, which is lent. Its bytes count as taken when `Stream.consume` says so. */
  onData(chunk: Buffer): void;
  /** The other side has sent everything. */
  onEnd(trailers: readonly string[] | undefined): void;
  /** More of the body may be written. */
  onWritable(): void;
  /** All that this side had to send is on its way. */
  onSent(): void;
  /** Nothing more happens. `error` is null when both sides have sent everything. */
  onClosed(error: StreamError | null): void;
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly outflow: Outflow;
  readonly inflow: Inflow;
  /** One side has sent everything. */
  ended(stream: Stream): void;
  /** The stream is not to go on; the other side is told. */
  reset(stream: Stream, code: number): void;
}

/** A stream of a connection: both halves of one exchange. */
export class Stream implements SendingStream {
  readonly id: number;
  listener!: StreamListener;
  /** The next one in its bucket of the table. */
  next: Stream | null = null;
  /** Whether the other side has sent everything. */
  remoteEnded = false;
  /** Whether we have. */
  localEnded = false;
  isClosed = false;
  /** Whether the other side's final head has come. */
  hasHead = false;
  /** Whether it carries a request for a head alone. */
  isAnswerToHead = false;
  sendWindow: number;
  /** Bytes that the other side may still send. */
  receiveWindow: number;
  /** Bytes of the body that must still come; -1 when that is not known. */
  expected = -1;
  /** Whether it is among those that are pumped. */
  isWaiting = false;
  readonly #owner: StreamOwner;
  readonly #outflow: Outflow;
  /** What is given back to the other side in one WINDOW_UPDATE, at least. */
  readonly #worthTelling: number;
  /** Bytes that were received and not taken. */
  #untaken = 0;
  #credit = 0;
  #isDiscarding = false;
  #queue: Buffer[] | null = null;
  /** Bytes of the queue's first part that have gone out. */
  #sent = 0;
  #hasToEnd = false;
  #trailers: readonly string[] | undefined = undefined;
  #wantsTurn = false;
  /** Where the last frame lies, as long as that is not written. */
  #frame = 0;
  #epoch = -1;
  /** When something went out last, or began to wait, in the clock's time. */
  #progressAt = 0;

  constructor(id: number, owner: StreamOwner, sendWindow: number, receiveWindow: number) {
    this.id = id;
    this.#owner = owner;
    this.#outflow = owner.outflow;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.#worthTelling = receiveWindow / 2;
  }

  // What is sent.

  /** Bytes wait for the other side's window, or for the connection. */
  get isBlocked(): boolean {
    return this.#queue !== null;
  }

  /**
   * For how long the other side has taken nothing of what waits, in the unit of `now`; 0 while nothing
   * waits, or the connection as a whole has to.
   */
  stalled(now: number): number {
    if (this.#queue === null) return 0;
    if (this.#outflow.writer.isBlocked) this.#progressAt = now;
    return now - this.#progressAt;
  }

  /** A response's head, or an interim one. @throws TypeError for what must not be in a message */
  respond(status: number, fields: readonly string[] | string, isLast: boolean): void {
    if (this.localEnded || this.isClosed) return;
    const encoder = this.#outflow.writer.beginHeaders(HpackEncoder.roomFor(fields));
    try {
      encoder.status(status);
      encoder.fields(fields);
    } catch (error) {
      encoder.abandon();
      throw error;
    }
    this.finishHeaders(isLast);
  }

  /** The fields that were given to the encoder go out. */
  finishHeaders(isLast: boolean): void {
    const { writer } = this.#outflow;
    writer.endHeaders(this.id, isLast);
    this.#noteFrame(writer);
    if (isLast) this.#ended();
  }

  /** Writes a part of the body, which may be lent; false asks to wait for `onWritable`. */
  write(chunk: Buffer): boolean {
    if (this.localEnded || this.isClosed || this.#hasToEnd) return true;
    const from = this.#queue === null ? this.#send(chunk, 0) : 0;
    if (from < chunk.length) {
      this.#keep(own(from === 0 ? chunk : chunk.subarray(from)));
    } else if (this.#queue === null && !this.#outflow.writer.full) return true;
    this.#wantsTurn = true;
    this.#awaitTurn();
    return false;
  }

  /** Has `onWritable` called when what was written goes out, though there is room for more. */
  waitForTurn(): void {
    if (this.localEnded || this.isClosed) return;
    this.#wantsTurn = true;
    this.#awaitTurn();
  }

  /** Ends the body, after all of it has gone out. */
  end(trailers?: readonly string[]): void {
    if (this.localEnded || this.isClosed) return;
    this.#trailers = trailers;
    if (this.#queue === null) this.#finish();
    else this.#hasToEnd = true;
  }

  /** Breaks the stream off; `onClosed` comes before this returns. */
  reset(code: number): void {
    if (!this.isClosed) this.#owner.reset(this, code);
  }

  /** The other side takes more. False when the window would become too large. */
  widen(bytes: number): boolean {
    this.sendWindow += bytes;
    if (this.sendWindow > 0 && this.#queue !== null) this.#awaitTurn();
    return this.sendWindow <= 0x7f_ff_ff_ff;
  }

  /** Sends one frame of what waits, or tells that there is room. */
  pump(): number {
    const queue = this.#queue;
    if (queue === null) {
      this.#goOn();
      return Pumped.done;
    }
    const first = queue[0] as Buffer;
    const to = this.#sendFrame(first, this.#sent);
    if (to === this.#sent) return this.sendWindow > 0 ? Pumped.blocked : Pumped.done;
    this.#sent = to;
    if (to === first.length) {
      this.#sent = 0;
      queue.shift();
    }
    if (queue.length > 0) return this.sendWindow > 0 ? Pumped.more : Pumped.done;
    this.#queue = null;
    this.#goOn();
    return Pumped.done;
  }

  #goOn(): void {
    if (this.#hasToEnd) this.#finish();
    else if (this.#wantsTurn && !this.localEnded) {
      this.#wantsTurn = false;
      this.listener.onWritable();
    }
  }

  #awaitTurn(): void {
    // One that waits for its own window is pumped when that opens.
    if (this.#queue === null || this.sendWindow > 0) this.#outflow.wait(this);
  }

  #keep(chunk: Buffer): void {
    if (this.#queue === null) {
      this.#progressAt = clock.now;
      this.#queue = [chunk];
    } else this.#queue.push(chunk);
  }

  /** Sends what may be sent at once; answers how far it came. */
  #send(chunk: Buffer, from: number): number {
    const { writer } = this.#outflow;
    let at = from;
    while (at < chunk.length && !writer.full) {
      const to = this.#sendFrame(chunk, at);
      if (to === at) break;
      at = to;
      // What is full now may have been taken by the system a moment later.
      if (at < chunk.length && writer.full) writer.write();
    }
    return at;
  }

  #sendFrame(chunk: Buffer, from: number): number {
    const outflow = this.#outflow;
    const size = Math.min(chunk.length - from, this.sendWindow, outflow.window, maxFramePayload);
    if (size <= 0) return from;
    const { writer } = outflow;
    const to = from + size;
    writer.data(this.id, false, chunk, from, to);
    this.#noteFrame(writer);
    this.sendWindow -= size;
    outflow.sent(size);
    this.#progressAt = clock.now;
    return to;
  }

  #noteFrame(writer: FrameWriter): void {
    this.#frame = writer.lastFrame;
    this.#epoch = writer.epoch;
  }

  #finish(): void {
    const trailers = this.#trailers;
    const { writer } = this.#outflow;
    this.#hasToEnd = false;
    if (trailers !== undefined && trailers.length > 0) {
      const encoder = writer.beginHeaders(HpackEncoder.roomFor(trailers));
      try {
        encoder.fields(trailers);
      } catch {
        encoder.abandon();
        this.reset(ErrorCode.internalError);
        return;
      }
      writer.endHeaders(this.id, true);
    } else if (this.#epoch === writer.epoch) writer.endStream(this.#frame);
    else writer.text(FrameType.data, 1, this.id, '');
    this.#ended();
  }

  #ended(): void {
    this.localEnded = true;
    this.listener.onSent();
    this.#owner.ended(this);
  }

  // What is received.

  /** So many bytes of what `onData` brought are done with. */
  consume(bytes: number): void {
    const taken = Math.min(bytes, this.#untaken);
    this.#untaken -= taken;
    this.#owner.inflow.credit(taken);
    if (this.remoteEnded || this.isClosed) return;
    this.#credit += taken;
    if (this.#credit < this.#worthTelling || this.#isDiscarding) return;
    this.#outflow.writer.numbers(FrameType.windowUpdate, this.id, this.#credit);
    this.receiveWindow += this.#credit;
    this.#credit = 0;
  }

  /** Whatever still comes of the body is thrown away; the other side's window closes. */
  discard(): void {
    if (this.#isDiscarding) return;
    this.#isDiscarding = true;
    this.consume(this.#untaken);
  }

  /** Takes bytes of the body; false when they are more than announced. */
  receive(chunk: Buffer): boolean {
    const { length } = chunk;
    if (this.expected >= 0 && (this.expected -= length) < 0) return false;
    this.#untaken += length;
    if (this.#isDiscarding) this.consume(length);
    else this.listener.onData(chunk);
    return true;
  }

  /** Padding, which nobody takes. */
  receivePadding(bytes: number): void {
    this.#untaken += bytes;
    this.consume(bytes);
  }

  /** The stream is over. */
  close(error: StreamError | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#queue = null;
    // What has come whole is given back when it is taken.
    if (error !== null) this.discard();
    this.listener.onClosed(error);
  }
}

import type { Duplex } from 'node:stream';
import type { FloodGuard } from './flood-guard.ts';
import { type FrameSource, FrameWriter } from './frames/frame-writer.ts';
import {
  ConnectionError,
  ErrorCode,
  FrameType,
  initialWindow,
  largestWindow,
} from './frames/protocol.ts';

/** How a stream's turn has gone. */
export const Pumped = { done: 0, more: 1, blocked: 2 } as const;

/** A stream, as what a connection sends is shared among them. */
export interface SendingStream {
  readonly isClosed: boolean;
  /** Whether it waits for its turn. */
  isWaiting: boolean;
  /** Sends one frame of what waits, or tells that there is room; answers one of `Pumped`. */
  pump(): number;
}

/** Rounds over the streams that wait in one turn of the event loop. */
const maxRounds = 32;

/** What a connection sends: its frames, its window, and the streams that have to wait. */
export class Outflow implements FrameSource {
  readonly writer: FrameWriter;
  /** Bytes of bodies that the other side takes on the whole connection. */
  window = initialWindow;
  /** Changes when bytes of bodies go out, or the connection may send more. */
  progress = 0;
  readonly #guard: FloodGuard;
  /** The streams that have something to send, in turn. */
  readonly #waiting: SendingStream[] = [];

  constructor(socket: Duplex, guard: FloodGuard) {
    this.#guard = guard;
    this.writer = new FrameWriter(socket, this);
  }

  /** The other side takes more. @throws ConnectionError */
  widen(bytes: number): void {
    this.window += bytes;
    this.progress++;
    if (this.window > largestWindow) throw flowError('a window too large');
    if (this.#waiting.length > 0) this.writer.schedule();
  }

  /** The stream has something to send when its turn comes. */
  wait(stream: SendingStream): void {
    this.writer.schedule();
    if (stream.isWaiting) return;
    stream.isWaiting = true;
    this.#waiting.push(stream);
  }

  /** So many bytes of a body went out in one frame. */
  sent(bytes: number): void {
    this.window -= bytes;
    this.progress++;
    this.#guard.earn(bytes);
  }

  /** Lets the streams that wait send, one frame each in turn; true when there is more to do. */
  fill(): boolean {
    const { writer } = this;
    const waiting = this.#waiting;
    let blocked = 0;
    for (let turns = maxRounds * waiting.length; turns > 0; turns--) {
      if (waiting.length === 0 || blocked >= waiting.length) return false;
      if (writer.full && !writer.write()) return false;
      const stream = waiting.shift() as SendingStream;
      stream.isWaiting = false;
      const pumped = stream.isClosed ? Pumped.done : stream.pump();
      blocked = pumped === Pumped.blocked ? blocked + 1 : 0;
      if (pumped !== Pumped.done) this.wait(stream);
    }
    return waiting.length > 0;
  }
}

/** What a connection receives: bodies of all streams count against one window. */
export class Inflow {
  readonly #writer: FrameWriter;
  /** What is given back to the other side in one WINDOW_UPDATE, at least. */
  readonly #worthTelling: number;
  #window: number;
  #credit = 0;

  constructor(writer: FrameWriter, window: number) {
    this.#writer = writer;
    this.#window = window;
    this.#worthTelling = window / 2;
  }

  /** Tells the other side of the window, which is larger than those of RFC 9113. */
  begin(): void {
    const more = this.#window - initialWindow;
    if (more > 0) this.#writer.numbers(FrameType.windowUpdate, 0, more);
  }

  /** So many bytes have come. @throws ConnectionError */
  take(bytes: number): void {
    this.#window -= bytes;
    if (this.#window < 0) throw flowError('more DATA than the window allows');
  }

  /** So many bytes are done with. */
  credit(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit < this.#worthTelling) return;
    this.#writer.numbers(FrameType.windowUpdate, 0, this.#credit);
    this.#window += this.#credit;
    this.#credit = 0;
  }
}

export function flowError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.flowControlError, message);
}

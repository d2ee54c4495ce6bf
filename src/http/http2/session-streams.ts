import type { Duplex } from 'node:stream';
import { FloodGuard } from './flood-guard.ts';
import { Inflow, Outflow } from './flow-control.ts';
import type { FrameWriter } from './frames/frame-writer.ts';
import {
  ConnectionError,
  ErrorCode,
  FrameType,
  protocolError,
  StreamError,
} from './frames/protocol.ts';
import type { Stream, StreamOwner } from './stream.ts';
import { StreamTable } from './stream-table.ts';

/** The streams of a connection, and how they end. */
export abstract class SessionStreams implements StreamOwner {
  readonly outflow: Outflow;
  readonly inflow: Inflow;
  protected readonly writer: FrameWriter;
  protected readonly streams = new StreamTable();
  protected readonly guard: FloodGuard;
  protected isOver = false;
  /** The highest stream that the client has opened. */
  protected lastStream = 0;

  constructor(socket: Duplex, connectionWindow: number, isServer: boolean) {
    this.guard = new FloodGuard(isServer);
    this.outflow = new Outflow(socket, this.guard);
    this.writer = this.outflow.writer;
    this.inflow = new Inflow(this.writer, connectionWindow);
  }

  /** Open streams. */
  get open(): number {
    return this.streams.size;
  }

  /** For how long a stream has sent nothing of what waits for the other side, in the unit of `now`. */
  stalled(now: number): number {
    let longest = 0;
    for (const stream of this.streams.all()) longest = Math.max(longest, stream.stalled(now));
    return longest;
  }

  /** The last open stream has closed. */
  protected abstract idle(): void;

  /** @throws ConnectionError when the stream has never been opened */
  protected checkOpened(id: number): void {
    // Nobody but the client opens streams.
    if (id % 2 === 0 || id > this.lastStream) {
      throw protocolError('a frame of a stream that was never opened');
    }
  }

  /** Frames of a closed stream may come until the other side knows. @throws ConnectionError */
  protected expectReset(id: number): void {
    this.guard.countFrame();
    if (this.streams.wasReset(id) || this.isPassedOver(id)) return;
    throw new ConnectionError(ErrorCode.streamClosed, 'a frame of a closed stream');
  }

  /** Whether a stream was never taken, because it came after the last one that is. */
  protected abstract isPassedOver(id: number): boolean;

  ended(stream: Stream): void {
    if (stream.remoteEnded && stream.localEnded) this.closeStream(stream, null);
  }

  reset(stream: Stream, code: number): void {
    this.writer.numbers(FrameType.rstStream, stream.id, code);
    this.streams.rememberReset(stream.id);
    this.closeStream(stream, new StreamError(code, 'the stream was given up'));
  }

  /** Breaks a stream off for what the other side did. @throws ConnectionError when it does so often */
  protected breakOff(stream: Stream, code: number, reason: string): void {
    this.writer.numbers(FrameType.rstStream, stream.id, code);
    this.streams.rememberReset(stream.id);
    this.closeStream(stream, new StreamError(code, reason));
    this.guard.countReset();
  }

  /** Streams above `last` were not processed by the other side. */
  protected dropAbove(last: number, reason: string): void {
    for (const stream of this.streams.all()) {
      if (stream.id <= last) continue;
      this.closeStream(stream, new StreamError(ErrorCode.refusedStream, reason, true));
    }
  }

  protected closeStream(stream: Stream, error: StreamError | null): void {
    if (stream.isClosed) return;
    this.streams.delete(stream);
    stream.close(error);
    if (this.streams.size === 0 && !this.isOver) this.idle();
  }
}

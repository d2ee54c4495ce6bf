import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { performance } from 'node:perf_hooks';
import type { FieldSection } from './field-section.ts';
import { flowError } from './flow-control.ts';
import { type FrameHandler, FrameReader } from './frames/frame-reader.ts';
import { HeaderBlocks } from './header-blocks.ts';
import {
  ConnectionError,
  ErrorCode,
  errorCodeName,
  Flag,
  FrameType,
  largestStreamId,
  largestWindow,
  maxFramePayload,
  protocolError,
  StreamError,
} from './frames/protocol.ts';
import { PeerSettings } from './frames/settings.ts';
import { SessionStreams } from './session-streams.ts';
import type { Stream } from './stream.ts';

/** What a session allows the other side. */
export interface SessionLimits {
  /** Bytes of one body, and of all of the connection, that are taken ahead of being read. */
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** Bytes of the fields of one message, each with 32 more; and how many fields it may have. */
  readonly maxHeaderSize: number;
  readonly maxHeaderFields: number;
  /** How long our SETTINGS may stay without an answer, ms. */
  readonly settingsTimeoutMs: number;
}

/** Who is told how a session goes. */
export interface SessionListener {
  /** The last open stream has closed. */
  onIdle(): void;
  /** The session is over: nothing is read any more, and GOAWAY, if it is due, has been written. */
  onOver(error: ConnectionError): void;
}

/** One side of an HTTP/2 connection (RFC 9113): what both sides have in common. */
export abstract class Session extends SessionStreams implements FrameHandler {
  protected readonly limits: SessionLimits;
  protected readonly peer = new PeerSettings();
  readonly #listener: SessionListener;
  readonly #reader = new FrameReader(this);
  protected readonly blocks: HeaderBlocks;
  /** The stream whose DATA is being read; null when that is thrown away. */
  #dataStream: Stream | null = null;
  #dataSize = 0;
  #sawSettings = false;
  /** When our SETTINGS went out; 0 once they are acknowledged. */
  #settingsSentAt = performance.now();

  /** `settings`: the payload of the SETTINGS that it begins with. */
  constructor(
    socket: Duplex,
    limits: SessionLimits,
    listener: SessionListener,
    greeting: string,
    settings: string,
    isServer: boolean,
  ) {
    super(socket, limits.connectionWindow, isServer);
    this.limits = limits;
    this.#listener = listener;
    this.blocks = new HeaderBlocks(Math.max(limits.maxHeaderSize, maxFramePayload), this.guard);
    if (greeting !== '') this.writer.raw(greeting);
    this.writer.text(FrameType.settings, 0, 0, settings);
    this.inflow.begin();
  }

  /** Whether the other side has left our SETTINGS without an answer for too long. */
  get isSilent(): boolean {
    if (this.#settingsSentAt === 0) return false;
    return performance.now() - this.#settingsSentAt > this.limits.settingsTimeoutMs;
  }

  /** Takes what was read, which is lent. */
  receive(bytes: Buffer, from: number, to: number): void {
    if (this.isOver) return;
    try {
      this.#reader.read(bytes, from, to);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.fail(error);
    }
  }

  /** The socket takes more. */
  drained(): void {
    this.writer.turnEnds();
  }

  /** Ends the session after what is written. */
  leave(): void {
    if (this.isOver) return;
    this.writer.write();
    this.#end(new ConnectionError(ErrorCode.noError, 'the session has ended'), ErrorCode.cancel);
  }

  /** The socket has closed, or is given up: every stream breaks. */
  close(reason: string): void {
    this.#end(new ConnectionError(ErrorCode.noError, reason), ErrorCode.cancel);
  }

  /** Ends the connection with GOAWAY, and breaks every stream. */
  fail(error: ConnectionError): void {
    if (this.isOver) return;
    this.writer.numbers(FrameType.goaway, 0, this.lastTaken, error.code);
    this.writer.write();
    this.#end(error, error.code);
  }

  /** The last stream of the other side that was taken, for GOAWAY. */
  protected abstract get lastTaken(): number;
  /** Whether HEADERS may come on a stream that is not open. @throws ConnectionError */
  protected abstract checkOpening(id: number): void;
  /** Whether a block is that of a head, not of trailers. */
  protected abstract isHead(id: number, stream: Stream | null): boolean;
  /** A head has come; `stream` is null when it is not open. */
  protected abstract takeHead(
    id: number,
    stream: Stream | null,
    section: FieldSection,
    isLast: boolean,
  ): void;
  protected abstract takeGoaway(lastStream: number, code: number): void;
  /** The answer to a PING of ours. */
  protected abstract takePong(): void;
  /** The other side has told what it allows. */
  protected abstract takePeerSettings(): void;

  // Frames of streams.

  onDataBegin(id: number, size: number): void {
    if (this.isOver) return;
    if (!this.#sawSettings) throw protocolError('the first frame is not SETTINGS');
    if (this.blocks.isOpen) throw protocolError('DATA within a block of fields');
    this.checkOpened(id);
    this.inflow.take(size);
    const stream = this.streams.get(id);
    this.#dataStream = stream;
    this.#dataSize = size;
    if (stream === null) {
      this.expectReset(id);
      this.inflow.credit(size);
      return;
    }
    stream.receiveWindow -= size;
    if (stream.remoteEnded) {
      this.breakOff(stream, ErrorCode.streamClosed, 'DATA after the end of the stream');
    } else if (stream.receiveWindow < 0) {
      this.breakOff(stream, ErrorCode.flowControlError, 'more DATA than the window allows');
    } else if (!stream.hasHead) {
      this.breakOff(stream, ErrorCode.protocolError, 'DATA before a head');
    } else return;
    this.inflow.credit(size);
    this.#dataStream = null;
  }

  onData(bytes: Buffer, from: number, to: number): void {
    const stream = this.#dataStream;
    if (stream === null || this.isOver) return;
    const isWhole = from === 0 && to === bytes.length;
    if (stream.isClosed) this.inflow.credit(to - from);
    else if (!stream.receive(isWhole ? bytes : bytes.subarray(from, to))) {
      this.inflow.credit(to - from);
      this.breakOff(stream, ErrorCode.protocolError, 'more DATA than Content-Length');
    }
  }

  onDataEnd(isLast: boolean, padding: number): void {
    const stream = this.#dataStream;
    this.#dataStream = null;
    if (this.isOver) return;
    if (this.#dataSize === padding && !isLast) this.guard.countFrame();
    if (stream === null) return;
    if (stream.isClosed) this.inflow.credit(padding);
    else {
      if (padding > 0) stream.receivePadding(padding);
      if (isLast) this.endRemote(stream, undefined);
    }
  }

  onFrame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (this.isOver) return;
    if (!this.#sawSettings && (type !== FrameType.settings || (flags & Flag.ack) !== 0)) {
      throw protocolError('the first frame is not SETTINGS');
    }
    if (this.blocks.isOpen && type !== FrameType.continuation) {
      throw protocolError('a frame within a block of fields');
    }
    switch (type) {
      case FrameType.headers:
        if (this.streams.get(id) === null) this.checkOpening(id);
        if (this.blocks.begin(flags, id, bytes, from, to)) this.#takeBlock();
        break;
      case FrameType.continuation:
        if (this.blocks.goOn(flags, id, bytes, from, to)) this.#takeBlock();
        break;
      case FrameType.priority:
        this.#takePriority(id, bytes, from, to);
        break;
      case FrameType.rstStream:
        this.#takeReset(id, bytes.readUInt32BE(from));
        break;
      case FrameType.settings:
        this.#takeSettings((flags & Flag.ack) !== 0, bytes, from, to);
        break;
      case FrameType.pushPromise:
        throw protocolError('PUSH_PROMISE, which nobody has allowed');
      case FrameType.ping:
        this.#takePing((flags & Flag.ack) !== 0, bytes.toString('latin1', from, to));
        break;
      case FrameType.goaway:
        this.guard.countFrame();
        this.takeGoaway(bytes.readUInt32BE(from) & largestStreamId, bytes.readUInt32BE(from + 4));
        break;
      case FrameType.windowUpdate:
        this.#takeWindowUpdate(id, bytes.readUInt32BE(from) & largestWindow);
        break;
      default:
        // PRIORITY_UPDATE (RFC 9218), ALTSVC and whatever else there may be.
        this.guard.countFrame();
    }
  }

  #takeBlock(): void {
    const { id, section, dependsOnItself } = this.blocks;
    const stream = this.streams.get(id);
    const isHead = this.isHead(id, stream);
    const { maxHeaderSize, maxHeaderFields } = this.limits;
    // The block of a stream that is no more counts for the tables alone.
    const isWanted = stream !== null || isHead;
    section.begin(isHead, isWanted ? maxHeaderSize : -1, maxHeaderFields);
    this.blocks.decode();
    if (dependsOnItself) section.flaw = 'a stream that depends on itself';
    this.#takeSection(id, stream, isHead);
    // A connection that rests keeps nothing of its last message.
    section.begin(isHead, 0, 0);
  }

  #takeSection(id: number, stream: Stream | null, isHead: boolean): void {
    const { isLast, section } = this.blocks;
    if (isHead) this.takeHead(id, stream, section, isLast);
    else if (stream === null) this.expectReset(id);
    else if (stream.remoteEnded) {
      this.breakOff(stream, ErrorCode.streamClosed, 'HEADERS after the end of the stream');
    } else if (!isLast || section.flaw !== null || section.isTooLarge) {
      const flaw = section.flaw ?? (isLast ? 'trailers that are too large' : 'a second head');
      this.breakOff(stream, ErrorCode.protocolError, flaw);
    } else this.endRemote(stream, section.trailers);
  }

  /** The other side has sent everything on a stream. */
  protected endRemote(stream: Stream, trailers: readonly string[] | undefined): void {
    if (stream.expected > 0) {
      this.breakOff(stream, ErrorCode.protocolError, 'less DATA than Content-Length');
      return;
    }
    stream.remoteEnded = true;
    stream.listener.onEnd(trailers);
    this.ended(stream);
  }

  #takePriority(id: number, bytes: Buffer, from: number, to: number): void {
    this.guard.countFrame();
    const isWhole = to - from === 5;
    if (isWhole && (bytes.readUInt32BE(from) & largestStreamId) !== id) return;
    const code = isWhole ? ErrorCode.protocolError : ErrorCode.frameSizeError;
    const stream = this.streams.get(id);
    if (stream !== null) this.breakOff(stream, code, 'an illegal PRIORITY');
    else throw new ConnectionError(code, 'an illegal PRIORITY');
  }

  #takeReset(id: number, code: number): void {
    this.checkOpened(id);
    const stream = this.streams.get(id);
    if (stream === null) {
      this.guard.countFrame();
      return;
    }
    const unprocessed = code === ErrorCode.refusedStream;
    const message = `the stream was reset with ${errorCodeName(code)}`;
    this.closeStream(stream, new StreamError(code, message, unprocessed));
    this.guard.countReset();
  }

  #takeWindowUpdate(id: number, increment: number): void {
    this.guard.countFrame();
    if (id === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE by nothing');
      this.outflow.widen(increment);
      return;
    }
    this.checkOpened(id);
    const stream = this.streams.get(id);
    if (stream === null) return;
    if (increment === 0) {
      this.breakOff(stream, ErrorCode.protocolError, 'WINDOW_UPDATE by nothing');
    } else if (!stream.widen(increment)) {
      this.breakOff(stream, ErrorCode.flowControlError, 'a window too large');
    }
  }

  // Frames of the connection.

  #takeSettings(isAck: boolean, bytes: Buffer, from: number, to: number): void {
    if (isAck) {
      this.#settingsSentAt = 0;
      return;
    }
    this.#sawSettings = true;
    this.guard.countFrame();
    const { peer } = this;
    const before = peer.initialWindow;
    peer.take(bytes, from, to);
    this.writer.encoder.limitTable(peer.headerTableSize);
    const change = peer.initialWindow - before;
    if (change !== 0) {
      for (const stream of this.streams.all()) {
        if (!stream.widen(change)) throw flowError('a window too large');
      }
    }
    this.guard.countAnswer(this.writer.isBlocked);
    this.writer.text(FrameType.settings, Flag.ack, 0, '');
    this.takePeerSettings();
  }

  #takePing(isAck: boolean, payload: string): void {
    if (isAck) return this.takePong();
    this.guard.countFrame();
    this.guard.countAnswer(this.writer.isBlocked);
    this.writer.text(FrameType.ping, Flag.ack, 0, payload);
  }

  protected idle(): void {
    this.#listener.onIdle();
  }

  #end(error: ConnectionError, code: number): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const stream of this.streams.all()) {
      this.closeStream(stream, new StreamError(code, error.message));
    }
    this.writer.release();
    this.#listener.onOver(error);
  }
}

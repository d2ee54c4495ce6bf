import type { Duplex } from 'node:stream';
import type { FieldSection } from './field-section.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import { ErrorCode, errorCodeName, preface, protocolError, Setting } from './frames/protocol.ts';
import { Session, type SessionLimits, type SessionListener } from './session.ts';
import { settingsPayload } from './frames/settings.ts';
import { Stream, type StreamListener } from './stream.ts';

export interface ClientSessionListener extends SessionListener {
  /** The server's SETTINGS have come: it may allow more streams, or fewer. */
  onSettings(): void;
  /** No further stream can be opened. */
  onServerLeaves(): void;
}

/** A request's head. Method, path and authority must be legal. */
export interface RequestFields {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** Lines, or a flat array. */
  readonly fields: readonly string[] | string;
  /** Fields that come after them. */
  readonly more: readonly string[];
}

/** Streams of one connection; a new one comes long before the numbers end. */
const lastId = 2 ** 30;

/** The side of an HTTP/2 connection that asks. */
export class ClientSession extends Session {
  readonly #listener: ClientSessionListener;
  #nextId = 1;
  #isLeaving = false;

  constructor(socket: Duplex, limits: SessionLimits, listener: ClientSessionListener) {
    const settings = settingsPayload([
      [Setting.enablePush, 0],
      [Setting.initialWindowSize, limits.streamWindow],
      [Setting.maxHeaderListSize, limits.maxHeaderSize],
    ]);
    super(socket, limits, listener, preface, settings, false);
    this.#listener = listener;
  }

  /** Whether no further stream can be opened, ever. */
  get isLeaving(): boolean {
    return this.#isLeaving || this.isOver || this.#nextId > lastId;
  }

  /** Whether a stream can be opened now. */
  get hasRoom(): boolean {
    return !this.isLeaving && this.open < this.peer.maxStreams;
  }

  /** Streams that the server takes at one time. */
  get maxStreams(): number {
    return this.peer.maxStreams;
  }

  /** Opens a stream. @throws TypeError for what must not be in a message */
  request(head: RequestFields, isLast: boolean, listener: StreamListener): Stream {
    const { method, scheme, authority, path, fields, more } = head;
    const room = authority.length + path.length + method.length + 64;
    const encoder = this.writer.beginHeaders(
      HpackEncoder.roomFor(fields) + HpackEncoder.roomFor(more) + room,
    );
    try {
      encoder.pseudo(':method', method);
      encoder.pseudo(':path', path);
      encoder.pseudo(':scheme', scheme);
      encoder.pseudo(':authority', authority);
      encoder.fields(fields);
      encoder.fields(more);
    } catch (error) {
      encoder.abandon();
      throw error;
    }
    const id = this.#nextId;
    this.#nextId += 2;
    this.lastStream = id;
    const stream = new Stream(id, this, this.peer.initialWindow, this.limits.streamWindow);
    stream.listener = listener;
    stream.isAnswerToHead = method === 'HEAD';
    this.streams.add(stream);
    stream.finishHeaders(isLast);
    return stream;
  }

  protected get lastTaken(): number {
    return 0;
  }

  protected isPassedOver(): boolean {
    return false;
  }

  protected checkOpening(id: number): void {
    if (id % 2 === 0 || id > this.lastStream) {
      throw protocolError('HEADERS on a stream that was never opened');
    }
  }

  protected isHead(_id: number, stream: Stream | null): boolean {
    return stream !== null && !stream.hasHead;
  }

  protected takeHead(
    _id: number,
    stream: Stream | null,
    section: FieldSection,
    isLast: boolean,
  ): void {
    if (stream === null) return;
    section.checkResponse();
    const { status } = section;
    const isInterim = status >= 100 && status < 200;
    if (isInterim && isLast) section.flaw ??= 'an interim response that ends the stream';
    if (section.isTooLarge) section.flaw ??= 'a head that is too large';
    if (section.flaw !== null) {
      this.breakOff(stream, ErrorCode.protocolError, section.flaw);
      return;
    }
    if (!isInterim) {
      stream.hasHead = true;
      const isBare = stream.isAnswerToHead || status === 204 || status === 304;
      // Of what has no body Content-Length tells something else.
      stream.expected = isBare ? 0 : section.length;
    } else this.guard.countFrame();
    stream.listener.onHead?.(section, isLast);
    if (isLast && !stream.isClosed) this.endRemote(stream, undefined);
  }

  protected takeGoaway(last: number, code: number): void {
    this.#isLeaving = true;
    this.dropAbove(last, `the server leaves with ${errorCodeName(code)}`);
    this.#listener.onServerLeaves();
  }

  protected takePong(): void {
    // Nobody asks yet.
  }

  protected takePeerSettings(): void {
    this.#listener.onSettings();
  }
}

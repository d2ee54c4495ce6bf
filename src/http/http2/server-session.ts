import type { Duplex } from 'node:stream';
import type { Buffer } from 'node:buffer';
import type { FieldSection } from './field-section.ts';
import {
  ErrorCode,
  FrameType,
  largestStreamId,
  preface,
  protocolError,
  Setting,
} from './frames/protocol.ts';
import { Session, type SessionLimits, type SessionListener } from './session.ts';
import { settingsPayload } from './frames/settings.ts';
import { Stream } from './stream.ts';

export interface ServerLimits extends SessionLimits {
  /** Requests that a client may have open at one time. */
  readonly maxStreams: number;
  /** Whether extended CONNECT (RFC 8441) is offered. */
  readonly extendedConnect: boolean;
}

export interface ServerSessionListener extends SessionListener {
  /**
   * A request, whose stream is to be given its listener. `head` is there during the call alone; with
   * `head.isTooLarge` its fields are not all there. `isLast`: nothing follows, and `onEnd` does not come.
   */
  onRequest(stream: Stream, head: FieldSection, isLast: boolean): void;
  /** A request that breaks the rules of HTTP/2: its stream was reset. */
  onMalformed(): void;
  /** The client will ask no more. */
  onClientLeaves(): void;
}

/** How the end of a session is announced (RFC 9113, 6.8). */
const Leaving = {
  no: 0,
  /** The notice is out: further requests are still served. */
  noticed: 1,
  /** The client has had the notice. */
  known: 2,
  /** The last stream is named: what comes after it is not served. */
  final: 3,
} as const;

const pingPayload = 'the end.';

/** The side of an HTTP/2 connection that answers. */
export class ServerSession extends Session {
  readonly #listener: ServerSessionListener;
  readonly #limits: ServerLimits;
  readonly #preface = preface;
  /** Bytes of the client's preface that have come. */
  #greeted = 0;
  #leaving: number = Leaving.no;
  #isAsked = false;
  /** The last stream that is served, once it is known. */
  #lastServed = largestStreamId;

  constructor(socket: Duplex, limits: ServerLimits, listener: ServerSessionListener) {
    const settings: [number, number][] = [
      [Setting.maxConcurrentStreams, limits.maxStreams],
      [Setting.initialWindowSize, limits.streamWindow],
      [Setting.maxHeaderListSize, limits.maxHeaderSize],
    ];
    if (limits.extendedConnect) settings.push([Setting.enableConnectProtocol, 1]);
    super(socket, limits, listener, '', settingsPayload(settings), true);
    this.#listener = listener;
    this.#limits = limits;
  }

  /** Whether the client has been told which request is the last one. */
  get isFinal(): boolean {
    return this.#leaving === Leaving.final;
  }

  /** Whether the client knows that the session ends: nothing that it has sent can be lost. */
  get isEndKnown(): boolean {
    return this.#leaving === Leaving.known;
  }

  /** Whether the head of a request has begun and not ended. */
  get isHeadOpen(): boolean {
    return this.blocks.isOpen;
  }

  override receive(bytes: Buffer, from: number, to: number): void {
    let at = from;
    if (this.#greeted < preface.length) {
      for (; at < to && this.#greeted < preface.length; at++, this.#greeted++) {
        if (bytes[at] === this.#preface.charCodeAt(this.#greeted)) continue;
        this.fail(protocolError('it does not begin as HTTP/2 does'));
        return;
      }
    }
    if (at < to) super.receive(bytes, at, to);
  }

  /**
   * Tells the client that the connection ends: requests that are on their way are served, and those
   * that it sends all the same.
   */
  announceEnd(): void {
    if (this.#leaving !== Leaving.no || this.isOver) return;
    this.#leaving = Leaving.noticed;
    this.writer.numbers(FrameType.goaway, 0, largestStreamId, ErrorCode.noError);
  }

  /** Asks the client for a sign that it knows, after which the last request may be named. */
  confirmEnd(): void {
    if (this.#leaving !== Leaving.noticed || this.#isAsked || this.isOver) return;
    this.#isAsked = true;
    this.writer.text(FrameType.ping, 0, 0, pingPayload);
  }

  /** Names the last request that is served: no other one is taken from now on. */
  finish(): void {
    if (this.isFinal || this.isOver) return;
    this.#leaving = Leaving.final;
    this.#lastServed = this.lastStream;
    this.writer.numbers(FrameType.goaway, 0, this.lastStream, ErrorCode.noError);
  }

  protected get lastTaken(): number {
    return Math.min(this.#lastServed, this.lastStream);
  }

  protected isPassedOver(id: number): boolean {
    return id > this.#lastServed;
  }

  protected checkOpening(id: number): void {
    if (id % 2 === 0) throw protocolError('a stream of a number that is not the client’s');
  }

  protected isHead(id: number, stream: Stream | null): boolean {
    return stream === null && id > this.lastStream;
  }

  protected takeHead(
    id: number,
    _stream: Stream | null,
    section: FieldSection,
    isLast: boolean,
  ): void {
    this.lastStream = id;
    if (id > this.#lastServed) {
      this.guard.countFrame();
      return;
    }
    const { maxStreams, extendedConnect } = this.#limits;
    if (this.streams.size >= maxStreams) {
      this.#refuse(id, ErrorCode.refusedStream);
      return;
    }
    section.checkRequest(extendedConnect);
    if (!section.isTooLarge && section.flaw === null && isLast && section.length > 0) {
      section.flaw = 'less DATA than Content-Length';
    }
    if (section.flaw !== null) {
      this.#refuse(id, ErrorCode.protocolError);
      this.#listener.onMalformed();
      return;
    }
    const stream = new Stream(id, this, this.peer.initialWindow, this.limits.streamWindow);
    stream.hasHead = true;
    stream.expected = section.length;
    stream.remoteEnded = isLast;
    this.streams.add(stream);
    this.#listener.onRequest(stream, section, isLast);
  }

  /** A stream that is not even opened. */
  #refuse(id: number, code: number): void {
    this.writer.numbers(FrameType.rstStream, id, code);
    this.streams.rememberReset(id);
    // A client that does not know the limit yet may be over it by many.
    if (code === ErrorCode.refusedStream) this.guard.countFrame();
    else this.guard.countReset();
  }

  protected takeGoaway(): void {
    this.#listener.onClientLeaves();
  }

  protected takePong(): void {
    if (this.#leaving === Leaving.noticed) this.#leaving = Leaving.known;
  }

  protected takePeerSettings(): void {
    // A server opens no streams, so nothing that the client allows lets more of them wait.
  }
}

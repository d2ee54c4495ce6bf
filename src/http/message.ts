import { Buffer } from 'node:buffer';
import { type ErrorCode, GatewayError, reasonOf } from '../errors.ts';
import { type Body, collect, isBuffered, lengthOf } from './body/body.ts';
import { canDecompress, decompress, decompressStart } from './body/decompression.ts';
import { BodyDocument } from './json/document.ts';
import { formatOf } from './json/media-type.ts';
import type { JsonFault } from './json/fault.ts';
import type { JsonPath } from './json/path.ts';
import { HeaderList } from './headers/header-list.ts';
import { takeBackValidators } from './headers/validators.ts';
import { KeptBody } from './body/kept.ts';
import type { InflightBytes } from './body/memory-budget.ts';
import { ObservedBody, type ObservedPart } from './body/capture.ts';

/** A body that something is appended to is held in memory up to here, bytes. */
const appendLimit = 64 << 20;

const nothingSeen: ObservedPart = { start: Buffer.alloc(0), length: 0, complete: false };

/** What is thrown when a body cannot be read: it depends on whose body it is. */
export interface MessageFaults {
  readonly tooLarge: ErrorCode;
  readonly malformed: ErrorCode;
  /** The most that a byte may decompress to, where much comes out; Infinity for no such limit. */
  readonly maxRatio: number;
}

/** So much may come out of however few bytes. */
const unsuspicious = 16 << 20;

/** What a request and a response have in common: header fields and a body. */
export class Message {
  /** Null as long as nobody has asked for a list that would be empty. */
  #headers: HeaderList | null;
  #body: Body;
  readonly #faults: MessageFaults;
  /** The body in plain, once somebody has asked for it. */
  #document: BodyDocument | null = null;
  /** The body, when it is arriving and how it begins is kept. */
  #observed: ObservedBody | null = null;
  #seen: ObservedPart | null = null;
  #sent = false;
  /** Where the bytes that are read into memory count; null when they do not. */
  inflight: InflightBytes | null = null;
  #held = 0;
  /** Whether the client went away before the response was out. */
  abandoned = false;
  /** The body, when it may be sent more than once. */
  #kept: KeptBody | null = null;

  constructor(headers: HeaderList | null, body: Body, faults: MessageFaults) {
    this.#headers = headers;
    this.#body = body;
    this.#faults = faults;
  }

  get headers(): HeaderList {
    return (this.#headers ??= new HeaderList());
  }

  set headers(headers: HeaderList) {
    this.#headers = headers;
  }

  /** Whether there may be a field. */
  get hasHeaders(): boolean {
    return this.#headers !== null;
  }

  get body(): Body {
    return this.#body;
  }

  set body(body: Body) {
    this.#body = body;
    this.#document = null;
    this.#sent = false;
    this.#kept = null;
  }

  /**
   * The body, which is to be sent on. A body that is still arriving can be sent only once, unless it
   * is kept. @throws BODY_SENT, BODY_NOT_KEPT
   */
  takeBody(): Body {
    const { body } = this;
    if (isBuffered(body)) return body;
    if (this.#kept !== null) return this.#reopen(this.#kept);
    if (this.#sent) throw new GatewayError('BODY_SENT');
    this.#sent = true;
    return body;
  }

  /** From now on what arrives of the body is kept, so that it can be sent again. */
  protected keepUpTo(limit: number): void {
    const body = this.#body;
    if (isBuffered(body) || this.#sent || this.#kept !== null) return;
    this.#kept = new KeptBody(body, limit, this.inflight);
  }

  /** The body is not sent again. */
  releaseBody(): void {
    this.#kept?.release();
  }

  /** Keeps up to `size` bytes of how the body begins, for when it has gone by. */
  observe(size: number): void {
    const body = this.#body;
    if (isBuffered(body) || this.#sent) return;
    this.#observed = new ObservedBody(body, size, (bytes) => this.#holdIfRoom(bytes));
    this.#body = this.#observed;
  }

  /** Nothing more is done with a body that was arriving: only what was seen of it is left. */
  seal(): void {
    if (isBuffered(this.#body)) return;
    this.#seen = this.#observed?.part ?? nothingSeen;
  }

  /** What was seen of a body that has gone by; null for one that is here, or still arriving. */
  get seen(): ObservedPart | null {
    return isBuffered(this.#body) ? null : this.#seen;
  }

  /** Another body in place of this one, which is given up; the entry keeps Content-Length right. */
  setBody(body: Body): void {
    if (!isBuffered(this.#body)) this.#body.cancel();
    this.body = body;
    this.headers.remove('Content-Encoding');
    takeBackValidators(this.headers);
  }

  /** Puts `bytes` behind the body; a promise when the body is still arriving. */
  appendBody(bytes: Buffer): void | Promise<void> {
    const { body } = this;
    if (!this.isRead || !isBuffered(body)) return this.#appendBehind(bytes);
    if (this.isOpaque) return;
    this.body = body === null ? bytes : Buffer.concat([body, bytes]);
    takeBackValidators(this.headers);
  }

  /** Whether the body has a Content-Encoding that cannot be undone. */
  get isOpaque(): boolean {
    if (!this.hasHeaders || this.#body === null) return false;
    const named = this.headers.getJoined('content-encoding')?.trim().toLowerCase() ?? '';
    return named !== '' && named !== 'identity' && !canDecompress(named);
  }

  /** The whole body, which stays here as a Buffer. @throws BODY_TOO_LARGE, RESPONSE_TOO_LARGE */
  async readBody(limit: number): Promise<Buffer> {
    const { body } = this;
    if (body === null) return Buffer.alloc(0);
    if (Buffer.isBuffer(body)) return body;
    if (this.#seen !== null) return this.#seen.start;
    const bytes = await this.#collect(this.takeBody(), limit);
    this.body = bytes;
    return bytes;
  }

  /** Whether `content` can be used: the body is in memory, and decompressed beside it if need be. */
  get isRead(): boolean {
    if (this.#document !== null || this.#body === null) return true;
    return isBuffered(this.#body) && this.#encoding() === undefined;
  }

  /**
   * Makes `content` usable. A compressed body is decompressed beside itself: it goes on as it came
   * as long as nobody edits it.
   * @throws BODY_TOO_LARGE (of a response: RESPONSE_TOO_LARGE) when the body, or what it decompresses
   * to, has more than `limit` bytes; REQUEST_MALFORMED (RESPONSE_MALFORMED) when it is not what its
   * Content-Encoding says.
   */
  async readContent(limit: number): Promise<void> {
    const bytes = await this.readBody(limit);
    const encoding = this.#encoding();
    if (this.#document !== null) return;
    if (encoding === undefined || bytes.length === 0) {
      if (this.#seen !== null) this.#document = this.#documentOf(bytes);
      return;
    }
    // The beginning of something compressed cannot be decompressed.
    const whole =
      this.#seen === null || (this.#seen.complete && bytes.length === this.#seen.length);
    const plain = whole ? await this.#decode(bytes, encoding, limit) : Buffer.alloc(0);
    this.#document = this.#documentOf(plain);
  }

  /** A body that came in one piece may be no larger than others. @throws as `readContent` */
  checkSize(limit: number): void {
    const body = this.#body;
    if (this.#document !== null || !Buffer.isBuffer(body) || body.length <= limit) return;
    throw new GatewayError(this.#faults.tooLarge, { limit });
  }

  /** The body as text and JSON. It must have been read, see `isRead`. */
  get content(): BodyDocument {
    if (this.#document !== null) return this.#document;
    if (!isBuffered(this.#body)) throw new Error('the body was not read');
    return (this.#document = this.#documentOf(this.#body ?? Buffer.alloc(0)));
  }

  /** The JSON value at `path` of the body; undefined when there is none. @throws see `noJson` */
  readJson(path: JsonPath): unknown {
    const { content } = this;
    const value = content.read(path);
    if (content.fault !== null && this.#seen === null) this.noJson(content.fault);
    return value;
  }

  /** Puts `value` there; undefined removes. False when the body is no JSON. @throws see `noJson` */
  writeJson(path: JsonPath, value: unknown): boolean {
    const { content } = this;
    const done = content.write(path, value);
    if (content.fault !== null) this.noJson(content.fault);
    if (content.edited) this.#takeEdited(content);
    return done;
  }

  /** Bytes of the body, or undefined when that is not known yet. */
  get length(): number | undefined {
    return this.seen?.length ?? lengthOf(this.body);
  }

  /** JSON was asked for, and the body is none. May throw where that must not go unheeded. */
  protected noJson(_fault: JsonFault): void {}

  /** So many more bytes of the body, or made of it, are in memory. @throws TOO_MUCH_IN_FLIGHT */
  hold(bytes: number): void {
    if (this.#holdIfRoom(bytes)) return;
    throw new GatewayError('TOO_MUCH_IN_FLIGHT', { limit: this.inflight?.limit ?? 0 });
  }

  /** All is over, and so is what is held. */
  release(): void {
    this.#kept?.release();
    if (this.#held > 0) this.inflight?.give(this.#held);
    this.#held = 0;
    this.inflight = null;
  }

  /** Up to `limit` bytes of how the body begins, decompressed if that can be done; for a log. */
  preview(limit: number): Buffer | Promise<Buffer> {
    const { body } = this;
    const start = this.seen?.start ?? (Buffer.isBuffer(body) ? body : Buffer.alloc(0));
    const encoding = this.#encoding();
    if (encoding === undefined) return start.subarray(0, limit);
    return decompressStart(start, encoding, limit);
  }

  #holdIfRoom(bytes: number): boolean {
    if (this.inflight === null) return true;
    if (!this.inflight.take(bytes)) return false;
    this.#held += bytes;
    return true;
  }

  #documentOf(bytes: Buffer): BodyDocument {
    return new BodyDocument(bytes, this, formatOf(this.headers));
  }

  #reopen(kept: KeptBody): Body {
    if (!kept.isWhole) throw new GatewayError('BODY_NOT_KEPT', { limit: kept.limit });
    return kept.open();
  }

  /** The body is the edited bytes from now on, which are not compressed. */
  #takeEdited(document: BodyDocument): void {
    this.headers.remove('Content-Encoding');
    takeBackValidators(this.headers);
    this.#body = document.toBuffer();
  }

  /** Name of the compression, or undefined when the body is plain or nothing we can undo. */
  #encoding(): string | undefined {
    const name = this.headers.get('content-encoding')?.trim().toLowerCase();
    return name !== undefined && canDecompress(name) ? name : undefined;
  }

  async #appendBehind(bytes: Buffer): Promise<void> {
    if (this.isOpaque) return;
    await this.readContent(appendLimit);
    this.setBody(Buffer.concat([this.content.toBuffer(), bytes]));
  }

  async #collect(body: Body, limit: number): Promise<Buffer> {
    try {
      return await collect(body, limit, (bytes) => this.hold(bytes));
    } catch (error) {
      const tooLarge = error instanceof GatewayError && error.code === 'BODY_TOO_LARGE';
      throw tooLarge ? new GatewayError(this.#faults.tooLarge, { limit }, error) : error;
    }
  }

  async #decode(bytes: Buffer, encoding: string, limit: number): Promise<Buffer> {
    const most = Math.min(limit, Math.max(unsuspicious, bytes.length * this.#faults.maxRatio));
    const parts: Buffer[] = [];
    let size = 0;
    try {
      await decompress(bytes, encoding, (part) => {
        size += part.length;
        if (size > most) throw new GatewayError(this.#faults.tooLarge, { limit: most });
        if (this.abandoned) throw new GatewayError('CLIENT_GONE');
        this.hold(part.length);
        parts.push(part);
        return true;
      });
      return Buffer.concat(parts, size);
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      const reason = `the body is not ${encoding}: ${reasonOf(error)}`;
      throw new GatewayError(this.#faults.malformed, { reason }, error);
    }
  }
}

import { own } from '../../http/http1/read-buffer.ts';

/** Bytes that are read after the request being answered; above it the client has to wait. */
const maxAheadBytes = 64 << 10;

const cr = 0x0d;
const lf = 0x0a;

/** Bytes that a client has sent and that are no body's: requests whose turn has not come. */
export class PendingInput {
  bytes: Buffer | null = null;
  /** Whether `bytes` are how a head begins, and no more. */
  isPartial = false;
  /** Whether an empty line before the next request was passed over. */
  #passedLine = false;

  /** Whether the client has sent so far ahead that it has to wait. */
  get isFull(): boolean {
    return this.bytes !== null && !this.isPartial && this.bytes.length >= maxAheadBytes;
  }

  /** Whether no complete request can be in it. */
  get isSpent(): boolean {
    return this.bytes === null || this.isPartial;
  }

  /** Adds bytes, which may be lent; false when they cannot make a partial head complete. */
  add(bytes: Buffer, maxHeadBytes: number): boolean {
    const before = this.bytes;
    this.bytes = before === null ? own(bytes) : Buffer.concat([before, bytes]);
    if (!this.isPartial || before === null) return true;
    return bytes.includes(lf) || this.bytes.length > maxHeadBytes;
  }

  take(): Buffer | null {
    const { bytes } = this;
    this.bytes = null;
    return bytes;
  }

  /**
   * Index after an empty line before a request: one may be there (RFC 9112, 2.2). -1 when only half
   * of it has come.
   */
  passLine(bytes: Buffer, from: number, end: number): number {
    if (bytes[from] !== cr || this.#passedLine) return from;
    if (end - from === 1) return -1;
    if (bytes[from + 1] !== lf) return from;
    this.#passedLine = true;
    this.isPartial = false;
    return from + 2;
  }

  /** What there is begins a head; false when that was known. */
  headBegins(): boolean {
    const isNew = !this.isPartial;
    this.isPartial = true;
    return isNew;
  }

  /** A head has been read. */
  headRead(): void {
    this.isPartial = false;
    this.#passedLine = false;
  }
}

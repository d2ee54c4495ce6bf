/** Status 1001, "going away", in a frame of a server (RFC 6455, 5.5.1 and 7.4.1). */
export const goingAwayFrame = Buffer.from([0x88, 0x02, 0x03, 0xe9]);

/**
 * Follows the frames that a WebSocket server sends, whatever they hold: a frame of ours may only
 * stand between two of theirs.
 */
export class FrameBoundary {
  /** Bytes of a frame's header that have come so far. */
  readonly #header = Buffer.alloc(14);
  #headerLength = 0;
  /** Bytes that the header will have, as far as it is known. */
  #headerSize = 2;
  /** Bytes of the payload that are still to come. */
  #payloadLeft = 0;

  /** Whether the last frame is complete. */
  get isBetweenFrames(): boolean {
    return this.#headerLength === 0 && this.#payloadLeft === 0;
  }

  /** The next bytes of the stream. */
  follow(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#payloadLeft > 0) {
        const taken = Math.min(this.#payloadLeft, bytes.length - at);
        this.#payloadLeft -= taken;
        at += taken;
        continue;
      }
      this.#header[this.#headerLength++] = bytes[at++] as number;
      if (this.#headerLength === 2) this.#headerSize = 2 + this.#lengthBytes + this.#maskBytes;
      if (this.#headerLength < 2 || this.#headerLength < this.#headerSize) continue;
      this.#payloadLeft = this.#payloadLength;
      this.#headerLength = 0;
      this.#headerSize = 2;
    }
  }

  get #shortLength(): number {
    return (this.#header[1] as number) & 0x7f;
  }

  get #lengthBytes(): number {
    if (this.#shortLength < 126) return 0;
    return this.#shortLength === 126 ? 2 : 8;
  }

  get #maskBytes(): number {
    return (this.#header[1] as number) & 0x80 ? 4 : 0;
  }

  get #payloadLength(): number {
    switch (this.#lengthBytes) {
      case 0:
        return this.#shortLength;
      case 2:
        return this.#header.readUInt16BE(2);
      default:
        return Number(this.#header.readBigUInt64BE(2));
    }
  }
}

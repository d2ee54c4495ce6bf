import { Buffer } from 'node:buffer';
import { GatewayError } from '../../errors.ts';

/**
 * Where a body's bytes go. One sink takes one body: `write` any number of times, then exactly one
 * of `end` and `fail`.
 */
export interface BodySink {
  /** Takes a chunk; false asks the source to pause until its `resume` is called. */
  write(chunk: Buffer): boolean;
  /**
   * Set where `write` makes do with bytes that are there during the call alone, and keeps none but
   * by `own`. Others are given bytes that stay.
   */
  readonly takesLent?: true;
  /** The body is complete. `trailers` is a flat name/value array. */
  end(trailers?: readonly string[]): void;
  /** The body will never be complete. */
  fail(error: Error): void;
}

/**
 * Where a body's bytes come from: pushed, not pulled, so that passing a body on costs no stream
 * object and no promise. Backpressure: `sink.write` answers false, later the sink's owner calls
 * `resume`.
 */
export interface BodySource {
  /** Bytes the body will have, or undefined when that is not known beforehand. */
  readonly length: number | undefined;
  /** Begins to push into `sink`; called at most once, chunks may come before it returns. */
  start(sink: BodySink): void;
  /** Goes on after `sink.write` answered false. */
  resume(): void;
  /** The rest is not wanted: nothing more is pushed, and the other side is told to stop. */
  cancel(reason?: Error): void;
}

/** No body, a body in memory, or a body still arriving. */
export type Body = null | Buffer | BodySource;

/** Bytes of the body, or undefined when that is not known beforehand. */
export function lengthOf(body: Body): number | undefined {
  if (body === null) return 0;
  return body.length;
}

export function isBuffered(body: Body): body is null | Buffer {
  return body === null || Buffer.isBuffer(body);
}

/** What is pushed at a time of a body in memory, bytes. */
const sliceSize = 256 << 10;

/**
 * A body in memory that goes on in parts, as fast as they are taken: whoever answers then knows when it
 * has gone out, and no connection holds more of it than a part.
 */
export class SlicedBody implements BodySource {
  readonly #bytes: Buffer;
  #at = 0;
  #sink: BodySink | null = null;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    while (this.#sink !== null) {
      if (this.#at >= this.#bytes.length) {
        const sink = this.#sink;
        this.#sink = null;
        sink.end();
        return;
      }
      const part = this.#bytes.subarray(this.#at, this.#at + sliceSize);
      this.#at += part.length;
      if (!this.#sink.write(part)) return;
    }
  }

  cancel(): void {
    this.#sink = null;
  }
}

/**
 * Collects a whole body in memory.
 * `hold` is told of each part, and may throw.
 * @throws BODY_TOO_LARGE above `limit` bytes, what `hold` threw, or what the source failed with.
 */
export function collect(
  body: Body,
  limit: number,
  hold?: (bytes: number) => void,
): Promise<Buffer> {
  if (isBuffered(body)) return Promise.resolve(body ?? Buffer.alloc(0));
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  let settled = false;
  const settle = (error?: Error): void => {
    if (settled) return;
    settled = true;
    if (error) reject(error);
    else resolve(Buffer.concat(chunks, size));
  };
  body.start({
    write(chunk) {
      size += chunk.length;
      if (settled) return true;
      try {
        if (size > limit) throw new GatewayError('BODY_TOO_LARGE', { limit });
        hold?.(chunk.length);
      } catch (error) {
        settle(error as Error);
        body.cancel(error as Error);
      }
      if (!settled) chunks.push(chunk);
      return true;
    },
    end: () => settle(),
    fail: settle,
  });
  return promise;
}

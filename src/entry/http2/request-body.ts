import type { ServerHttp2Stream } from 'node:http2';
import { type BodyOptions, StreamedBody } from '../../http/body/node-stream.ts';

/** A request's body as a stream of HTTP/2 delivers it. */
export class Http2Body extends StreamedBody {
  readonly #stream: ServerHttp2Stream;
  #trailers: readonly string[] = [];

  constructor(stream: ServerHttp2Stream, length: number | undefined, options: BodyOptions) {
    super(stream, length, options);
    this.#stream = stream;
    // A stream that its client closes without an error is not over before all that has come is read.
    stream.on('aborted', () => this.discard());
    stream.on('trailers', (_headers, _flags, raw?: string[]) => {
      this.#trailers = raw ?? [];
    });
  }

  /** Bytes of the announced length that have not come; 0 when no length was announced. */
  get missing(): number {
    return this.length === undefined ? 0 : this.length - this.arrival.received;
  }

  protected tellToSend(): void {
    if (!this.#stream.headersSent) this.#stream.additionalHeaders({ ':status': 100 });
  }

  protected watchEnd(): void {
    const stream = this.#stream;
    // The trailers are reported after the end.
    const ended = (): void => void setImmediate(() => this.finish(this.#trailers));
    // node:http2 lets an empty body end without a reader: `end` may have been emitted already.
    if (stream.readableEnded) ended();
    else stream.on('end', ended);
    stream.on('close', () => {
      if (!stream.readableEnded) this.breakOff();
    });
  }
}

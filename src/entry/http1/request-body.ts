import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BodyOptions, StreamedBody } from '../../http/body/node-stream.ts';

/** Whether the request's head announces a body, and of what length. */
export function bodyOf(
  request: IncomingMessage,
  response: ServerResponse,
  options: BodyOptions,
): RequestBody | null {
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      return new RequestBody(request, response, undefined, options);
    }
    if (name.length === 14 && name.toLowerCase() === 'content-length') {
      const length = Number(raw[i + 1]);
      return length > 0 ? new RequestBody(request, response, length, options) : null;
    }
  }
  return null;
}

/** A request's body as node:http delivers it. */
export class RequestBody extends StreamedBody {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    length: number | undefined,
    options: BodyOptions,
  ) {
    super(request, length, options);
    this.#request = request;
    this.#response = response;
  }

  /**
   * Bytes still to come; Infinity when that is not known. A client that was not told to send its
   * body may send it or not.
   */
  get missing(): number {
    if (this.#request.complete) return 0;
    if (this.options.expectsContinue && !this.started) return Number.POSITIVE_INFINITY;
    return (this.length ?? Number.POSITIVE_INFINITY) - this.arrival.received;
  }

  protected tellToSend(): void {
    if (!this.#response.headersSent) this.#response.writeContinue();
  }

  protected watchEnd(): void {
    const request = this.#request;
    request.on('end', () => this.finish(request.rawTrailers));
    request.on('error', this.breakOff);
    request.on('close', this.breakOff);
  }
}

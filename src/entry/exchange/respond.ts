import {
  type BodySink,
  type BodySource,
  isBuffered,
  lengthOf,
  SlicedBody,
} from '../../http/body/body.ts';
import { HeaderList } from '../../http/headers/header-list.ts';
import type { GatewayResponse, RequestContext } from '../../http/context.ts';
import { isNamed } from '../../http/headers/syntax.ts';
import { passedTrailers } from '../../http/headers/trailers.ts';
import type { Log } from '../../log.ts';
import { toGatewayError } from './error-response.ts';
import { dateField } from '../../http/http1/encode.ts';
import type { ResponseWriter } from '../../http/response-writer.ts';

/**
 * Writes what the flow left in `context.response`. A body without a status means 200.
 */
export function respond(context: RequestContext, writer: ResponseWriter): void {
  const { response } = context;
  response.status ||= 200;
  if (context.keptOfResponse >= 0) response.observe(context.keptOfResponse);
  const { status, statusText, body } = response;
  const { method } = context.request;
  if (method === 'HEAD' || status === 204 || status === 304) {
    const headers = framed(response, method);
    if (!isBuffered(body)) body.cancel();
    writer.send(status, statusText, headers, null);
    return;
  }
  const length = lengthOf(body);
  // Tracing flows that run afterwards must see the headers as they were sent.
  const asLines = writer.takesLines === true && !context.isObserved;
  const lines = asLines ? framedLines(response.headers, length) : null;
  const headers = lines ?? framed(response, method);
  if (isBuffered(body) && (body === null || body.length <= largest)) {
    writer.send(status, statusText, headers, body);
  } else {
    const source = isBuffered(body) ? new SlicedBody(body) : body;
    writer.begin(status, statusText, headers, length);
    source.start(new BodyWriter(source, writer));
    writer.flush();
  }
}

/** The largest body in memory that is given to a connection in one piece, bytes. */
const largest = 1 << 20;

/** Answers with an error, or breaks off when the response has begun. */
export function respondError(
  context: RequestContext,
  writer: ResponseWriter,
  thrown: unknown,
  log: Log,
): void {
  const error = toGatewayError(thrown);
  if (error.code === 'INTERNAL' || error.code === 'FILTER_FAILED') {
    log.error({ error: error.cause ?? error, entry: context.entry }, error.message);
  } else if (error.status >= 500) {
    log.debug({ entry: context.entry, code: error.code }, error.message);
  }
  if (!isBuffered(context.response.body)) context.response.body.cancel(error);
  if (context.aborted) return;
  if (writer.begun) {
    writer.breakOff();
    return;
  }
  // Tracing flows that run afterwards must see the response that the client got.
  const { response } = context;
  response.fail(error);
  const { method } = context.request;
  const headers = framed(response, method);
  writer.send(error.status, '', headers, method === 'HEAD' ? null : (response.body as Buffer));
}

/**
 * Edits the response's fields in place, so that whoever looks at them afterwards finds them as they were
 * sent: Content-Length is what the body really is. Framing on this connection is the writer's business,
 * and 204 has no length.
 */
function framed(response: GatewayResponse, method: string): string[] {
  const raw = response.headers.asArray();
  const { status, body } = response;
  // The answer to HEAD, and 304, tell the length of a body that they do not carry.
  const keepLength = body === null && (method === 'HEAD' || status === 304);
  const length = status === 204 || keepLength ? undefined : lengthOf(body);
  const chunked =
    !isBuffered(body) &&
    length === undefined &&
    method !== 'HEAD' &&
    status !== 204 &&
    status !== 304;
  let kept = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (isFraming(name) && !(keepLength && name.length === 14)) continue;
    if (!chunked && isNamed(name, 'trailer')) continue;
    raw[kept++] = name;
    raw[kept++] = raw[i + 1] as string;
  }
  raw.length = kept;
  if (length !== undefined) raw.push('Content-Length', `${length}`);
  return raw;
}

/** The same as lines, with Date; null where the fields are no lines any more. */
function framedLines(headers: HeaderList, length: number | undefined): string | null {
  const { passed } = headers;
  if (passed === null) return null;
  const dated = headers.has('date') ? passed : passed + dateField();
  return length === undefined ? dated : `${dated}Content-Length: ${length}\r\n`;
}

function isFraming(name: string): boolean {
  switch (name.length) {
    case 10:
      return isNamed(name, 'connection') || isNamed(name, 'keep-alive');
    case 14:
      return isNamed(name, 'content-length');
    case 17:
      return isNamed(name, 'transfer-encoding');
    default:
      return false;
  }
}

/** Passes a body on to the writer, with backpressure, and watches its length. */
class BodyWriter implements BodySink {
  readonly takesLent = true;
  readonly #source: BodySource;
  readonly #writer: ResponseWriter;
  /** Bytes that must still come; NaN when the length is not known. */
  #missing: number;

  constructor(source: BodySource, writer: ResponseWriter) {
    this.#source = source;
    this.#writer = writer;
    this.#missing = source.length ?? Number.NaN;
  }

  write(chunk: Buffer): boolean {
    this.#missing -= chunk.length;
    if (this.#missing < 0) {
      const error = new Error('the body is longer than announced');
      this.#source.cancel(error);
      this.fail(error);
      return true;
    }
    const room = this.#writer.write(chunk);
    if (!room) this.#writer.onDrain ??= () => this.#source.resume();
    return room;
  }

  end(trailers?: readonly string[]): void {
    if (this.#missing > 0) this.#writer.breakOff();
    else this.#writer.end(passedTrailers(trailers));
  }

  fail(_error: Error): void {
    this.#writer.breakOff();
  }
}

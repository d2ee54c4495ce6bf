import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type BodySource, isBuffered, lengthOf } from '../../../http/body/body.ts';
import { countBodyBytes } from '../../../runtime/external-memory.ts';
import { parseLines } from '../../../http/headers/raw-lines.ts';
import { HeaderList } from '../../../http/headers/header-list.ts';
import { GatewayError, reasonOf } from '../../../errors.ts';
import { clock, type Timed } from '../../../runtime/deadline-timers.ts';
import { ResponseBody } from '../response-body.ts';
import type {
  ConnectionSettings,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
} from '../transport.ts';

type Controller = Dispatcher.DispatchController;

/**
 * undici keeps a connection only for requests of the same server name, which it would take from their
 * Host. The name that counts is the node's, see the transport.
 */
const sameName = { servername: 'node' };

/** One exchange by undici's low-level interface: raw fields, no promise, no response stream. */
export class UndiciExchange
  extends ResponseBody
  implements Dispatcher.DispatchHandler, UpstreamExchange, Timed
{
  deadline: number;
  place = -1;
  readonly #request: UpstreamRequest;
  readonly #handler: UpstreamHandler;
  readonly #node: string;
  readonly #settings: ConnectionSettings;
  #controller: Controller | null = null;
  #upload: RequestStream | null = null;
  #answered = false;

  constructor(
    request: UpstreamRequest,
    handler: UpstreamHandler,
    node: string,
    settings: ConnectionSettings,
  ) {
    super();
    this.#request = request;
    this.#handler = handler;
    this.#node = node;
    this.#settings = settings;
    const { waitTimeout, connectTimeout } = settings;
    this.deadline = clock.deadline(waitTimeout === 0 ? 0 : waitTimeout + connectTimeout);
    clock.add(this);
  }

  /** What undici is asked for. */
  options(): Dispatcher.DispatchOptions {
    const { method, target, host, headers, body, headTimeout, bodyTimeout } = this.#request;
    const length = lengthOf(body);
    const fields = typeof headers === 'string' ? parseLines(headers) : headers;
    const framed = ['Host', host, ...fields];
    if (length !== undefined && length > 0) framed.push('Content-Length', `${length}`);
    return {
      method,
      path: target,
      headers: framed,
      body: isBuffered(body) ? body : (this.#upload = new RequestStream(body)),
      ...sameName,
      headersTimeout: headTimeout,
      bodyTimeout,
    };
  }

  /** undici would not take the request. */
  refuse(error: unknown): void {
    const reason = reasonOf(error);
    this.#fail(new GatewayError('REQUEST_MALFORMED', { reason }, error));
  }

  /** No connection came free, or none could be made. */
  expire(): void {
    const reason = `none within ${this.#settings.waitTimeout} ms`;
    this.#fail(new GatewayError('UPSTREAM_BUSY', { node: this.#node, reason }));
  }

  onRequestStart(controller: Controller): void {
    clock.delete(this);
    this.#controller = controller;
    if (this.over) controller.abort(new GatewayError('CLIENT_GONE'));
  }

  onResponseStart(controller: Controller, status: number, _: unknown, statusText = ''): void {
    if (this.over) return;
    const headers = strings(controller.rawHeaders);
    if (status < 200) {
      this.#handler.onInformation(status, headers);
      return;
    }
    this.#answered = true;
    const bare = this.#request.method === 'HEAD' || status === 204 || status === 304;
    const announced = bare ? '0' : announcedLength(headers);
    this.length = announced === undefined ? undefined : Number(announced);
    const empty = this.length === 0;
    if (empty) this.over = true;
    this.#handler.onHead(status, statusText, new HeaderList(headers), empty ? null : this);
    if (!this.over && !this.isRead) controller.pause();
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    countBodyBytes(chunk.length);
    if (!this.over && !this.take(chunk)) controller.pause();
  }

  onResponseEnd(controller: Controller): void {
    clock.delete(this);
    // The node has answered before it had everything.
    this.#upload?.giveUp();
    if (!this.over) this.complete(strings(controller.rawTrailers));
  }

  onResponseError(_controller: Controller | undefined, error: Error): void {
    this.#fail(this.#translate(error));
  }

  #translate(error: Error & { code?: string; cause?: unknown }): Error {
    const node = this.#node;
    const reason = reasonOf(error);
    const { headTimeout, bodyTimeout } = this.#request;
    if (error instanceof GatewayError) return error;
    if (error.code === 'UND_ERR_CONNECT_TIMEOUT') {
      const timeout = this.#settings.connectTimeout;
      return new GatewayError('UPSTREAM_TIMEOUT', { node, timeout });
    }
    if (error.code === 'UND_ERR_HEADERS_TIMEOUT') {
      return new GatewayError('UPSTREAM_TIMEOUT', { node, timeout: headTimeout });
    }
    if (error.code === 'UND_ERR_BODY_TIMEOUT') {
      return new GatewayError('UPSTREAM_TIMEOUT', { node, timeout: bodyTimeout });
    }
    if (error.code === 'UND_ERR_INVALID_ARG') {
      return new GatewayError('REQUEST_MALFORMED', { reason }, error);
    }
    if (error.code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
      return new GatewayError('REQUEST_MALFORMED', { reason }, error);
    }
    const code = this.#controller === null ? 'UPSTREAM_CONNECT' : 'UPSTREAM_BROKEN';
    return new GatewayError(code, { node, reason }, error);
  }

  #fail(error: Error): void {
    clock.delete(this);
    if (this.over) return;
    if (!this.#answered) {
      this.over = true;
      this.#handler.onError(error, this.#controller === null ? 'connect' : 'sent');
      return;
    }
    this.breakBody(error);
  }

  protected resumeResponse(): void {
    this.#controller?.resume();
  }

  abort(reason?: Error): void {
    if (this.over) return;
    this.drop();
    clock.delete(this);
    this.#controller?.abort(reason ?? new GatewayError('CLIENT_GONE'));
  }
}

/** A request body as the Readable that undici wants; the source starts at undici's first read. */
class RequestStream extends Readable {
  readonly #source: BodySource;
  #started = false;
  /** Nobody takes anything more. */
  #done = false;
  /** The source has ended by itself, or was told to. */
  #over = false;

  constructor(source: BodySource) {
    super({ highWaterMark: 65_536 });
    this.#source = source;
  }

  override _read(): void {
    if (this.#started) {
      this.#source.resume();
      return;
    }
    this.#started = true;
    this.#source.start({
      write: (chunk) => this.#done || this.push(chunk),
      end: () => {
        this.#over = true;
        if (!this.#done) this.push(null);
        this.#done = true;
      },
      fail: (error) => {
        this.#over = this.#done = true;
        this.destroy(error);
      },
    });
  }

  /** The rest is not wanted. */
  giveUp(): void {
    if (this.#over) return;
    this.#over = this.#done = true;
    this.#source.cancel();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#done = true;
    callback(error);
  }
}

/** Fields as a flat array of names and values: undici gives those of HTTP/2 as an object. */
function strings(raw: Controller['rawHeaders']): string[] {
  if (Array.isArray(raw)) {
    return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
  }
  return Object.entries(raw ?? {}).flatMap(([name, value]) => {
    if (name.startsWith(':') || value === undefined) return [];
    return [value].flat().flatMap((each) => [name, each]);
  });
}

function announcedLength(headers: readonly string[]): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === 'content-length') return headers[i + 1];
  }
  return undefined;
}

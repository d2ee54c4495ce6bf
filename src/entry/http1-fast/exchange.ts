import { type Body, isBuffered } from '../../http/body/body.ts';
import { GatewayRequest, type RequestContext } from '../../http/context.ts';
import type { SocketWriter } from '../../http/http1/socket-writer.ts';
import type { GatewayError } from '../../errors.ts';
import type { Connection } from '../connection/connection.ts';
import { Exchange, type ExchangeOwner, smallRest } from '../exchange/exchange.ts';
import { encodeInterimHead, encodeResponseHead } from '../../http/http1/response-encode.ts';
import type { Fields } from '../../http/response-writer.ts';
import type { StrictBody } from './request-body.ts';
import type { StrictHead } from '../../http/http1/request-head.ts';

/** Who reads the connection. */
export interface ExchangeReader {
  /** Fields of a response after which the connection stays open. */
  readonly keepAlive: string;
  readonly writer: SocketWriter;
  /**
   * The response is out, since `now` (performance.now()); `last` when it said that the connection
   * ends.
   */
  responded(last: boolean, now: number): void;
}

/** One request that the strict reader has read, and its response on the bare connection. */
export class StrictExchange extends Exchange {
  readonly takesLines = true;
  begun = false;
  readonly #reader: ExchangeReader;
  readonly #head: StrictHead;
  readonly #body: Body;
  readonly #writer: SocketWriter;
  /** The response's head, until the first part of its body goes out with it. */
  #unsent = '';
  #chunked = false;
  #last: boolean;

  constructor(
    owner: ExchangeOwner,
    connection: Connection,
    reader: ExchangeReader,
    head: StrictHead,
    body: Body,
  ) {
    super(owner, connection);
    this.#reader = reader;
    this.#head = head;
    this.#body = body;
    this.#writer = reader.writer;
    this.#last = head.close;
  }

  get receiving(): boolean {
    return !isBuffered(this.#body) && !(this.#body as StrictBody).complete;
  }

  protected get ended(): boolean {
    return this.done;
  }

  protected newRequest(): GatewayRequest {
    const { method, target, headers } = this.#head;
    return new GatewayRequest(method, target, headers, this.#body);
  }

  protected failBody(error: GatewayError): void {
    this.#last = true;
    if (!isBuffered(this.#body)) (this.#body as StrictBody).fail(error);
  }

  protected switchProtocols(context: RequestContext): void {
    // Cannot be: no upgrade is read here.
    context.upgraded?.socket.destroy();
    this.breakOff();
  }

  send(status: number, statusText: string, headers: Fields, body: Buffer | null): void {
    const head = encodeResponseHead(status, statusText, headers, this.#fieldsOfConnection());
    this.begun = true;
    if (body === null) this.#writer.write(head);
    else this.#writer.writeJoined(head, body);
    this.#finished();
  }

  begin(status: number, statusText: string, headers: Fields, length: number | undefined): void {
    const chunked = length === undefined;
    const ending = this.#fieldsOfConnection();
    this.#unsent = encodeResponseHead(
      status,
      statusText,
      headers,
      chunked ? `Transfer-Encoding: chunked\r\n${ending}` : ending,
    );
    this.#chunked = chunked;
    this.begun = true;
  }

  inform(status: number, headers: readonly string[]): void {
    if (this.begun || this.done) return;
    this.#writer.write(encodeInterimHead(status, headers));
  }

  write(chunk: Buffer): boolean {
    const head = this.#unsent;
    const writer = this.#writer;
    // An empty chunk would end the body.
    if (chunk.length === 0) return true;
    this.#unsent = '';
    if (!this.#chunked) return writer.writeJoined(head, chunk);
    return writer.writeJoined(`${head}${chunk.length.toString(16)}\r\n`, chunk, '\r\n');
  }

  flush(): void {
    if (this.#unsent === '') return;
    this.#writer.write(this.#unsent);
    this.#unsent = '';
  }

  end(trailers: readonly string[] = []): void {
    let text = this.#unsent;
    this.#unsent = '';
    if (this.#chunked) {
      text += '0\r\n';
      for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
      text += '\r\n';
    }
    if (text !== '') this.#writer.write(text);
    this.#finished();
  }

  breakOff(): void {
    this.connection.destroy();
  }

  /** Decides whether this response is the connection's last one, and how its head ends. */
  #fieldsOfConnection(): string {
    const body = this.#body;
    if (!isBuffered(body)) {
      const { wanted, missing } = body as StrictBody;
      if (!wanted && missing > smallRest) this.#last = true;
    }
    if (this.endsConnection) this.#last = true;
    return this.#last ? 'Connection: close\r\n\r\n' : this.#reader.keepAlive;
  }

  /** The response is out. */
  #finished(): void {
    if (this.done) return;
    this.finish();
    this.#reader.responded(this.#last, this.endedAt);
  }
}

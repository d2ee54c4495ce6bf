/** A strict, minimal HTTP/1.1 response parser that sees exactly where an answer breaks off. */

export interface Response {
  readonly status: number;
  readonly id: string | null;
  /** The server announced that it closes the connection. */
  readonly close: boolean;
  /** The body; empty when it went to a listener. */
  readonly body: Buffer;
}

type State = 'head' | 'length' | 'until-close' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer';

const EMPTY = Buffer.alloc(0);

/** Feed it bytes; it hands on each complete response, in order. Throws on malformed bytes. */
export class ResponseParser {
  /** Gets body bytes as they come; they are collected into the response when null. */
  onBody: ((chunk: Buffer) => void) | null = null;
  /** Called when a head is complete. */
  onHead: (() => void) | null = null;
  readonly #onResponse: (response: Response) => void;
  #state: State = 'head';
  #pending: Buffer = EMPTY;
  #left = 0;
  #head = { status: 0, id: null as string | null, close: false };
  #body: Buffer[] = [];

  constructor(onResponse: (response: Response) => void) {
    this.#onResponse = onResponse;
  }

  /** Some of a response has come, but not all of it. */
  get midway(): boolean {
    return this.#state !== 'head' || this.#pending.length > 0;
  }

  feed(chunk: Buffer): void {
    this.#pending = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    while (this.#pending.length > 0 && this.#step());
  }

  /** The connection has ended; true when that completes a response. */
  end(): boolean {
    if (this.#state !== 'until-close') return false;
    this.#complete();
    return true;
  }

  /** Takes what can be taken; false when more bytes are needed. */
  #step(): boolean {
    switch (this.#state) {
      case 'head': {
        const end = this.#pending.indexOf('\r\n\r\n');
        if (end < 0) return false;
        const head = this.#take(end + 4).toString('latin1');
        this.#startBody(head);
        return true;
      }
      case 'length':
      case 'chunk': {
        const bytes = this.#take(Math.min(this.#left, this.#pending.length));
        this.#left -= bytes.length;
        this.#deliver(bytes);
        if (this.#left > 0) return false;
        if (this.#state === 'length') this.#complete();
        else this.#state = 'chunk-end';
        return true;
      }
      case 'until-close':
        this.#deliver(this.#take(this.#pending.length));
        return false;
      case 'chunk-end': {
        const line = this.#line();
        if (line === null) return false;
        if (line !== '') throw new Error('a chunk is longer than its size says');
        this.#state = 'chunk-size';
        return true;
      }
      case 'chunk-size': {
        const line = this.#line();
        if (line === null) return false;
        if (!/^[0-9a-f]{1,8}(;|$)/i.test(line)) throw new Error(`not a chunk size: ${line}`);
        this.#left = Number.parseInt(line, 16);
        this.#state = this.#left === 0 ? 'trailer' : 'chunk';
        return true;
      }
      case 'trailer':
      default: {
        const line = this.#line();
        if (line === null) return false;
        if (line === '') this.#complete();
        return true;
      }
    }
  }

  #startBody(head: string): void {
    const [first = '', ...lines] = head.slice(0, -4).split('\r\n');
    const status = /^HTTP\/1\.[01] (\d{3})( |$)/.exec(first)?.[1];
    if (!status) throw new Error(`not a status line: ${first.slice(0, 80)}`);
    let [length, chunked] = [-1, false];
    const { 0: version } = /HTTP\/1\.[01]/.exec(first) ?? ['HTTP/1.1'];
    this.#head = { status: Number(status), id: null, close: version === 'HTTP/1.0' };
    for (const line of lines) {
      const colon = line.indexOf(':');
      const value = line.slice(colon + 1).trim();
      switch (line.slice(0, colon).toLowerCase()) {
        case 'content-length':
          length = Number(value);
          break;
        case 'transfer-encoding':
          chunked = value.toLowerCase() === 'chunked';
          break;
        case 'connection':
          if (value.toLowerCase() === 'close') this.#head.close = true;
          break;
        case 'x-storm-id':
          this.#head.id = value;
          break;
        default:
      }
    }
    if (this.#head.status < 200) return;
    this.onHead?.();
    if (chunked) this.#state = 'chunk-size';
    else if (length < 0) this.#state = 'until-close';
    else if (length === 0) this.#complete();
    else {
      this.#left = length;
      this.#state = 'length';
    }
  }

  #deliver(bytes: Buffer): void {
    if (this.onBody) this.onBody(bytes);
    else this.#body.push(bytes);
  }

  #complete(): void {
    const response = { ...this.#head, body: Buffer.concat(this.#body) };
    this.#state = 'head';
    this.#body = [];
    this.#onResponse(response);
  }

  #take(length: number): Buffer {
    const taken = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return taken;
  }

  #line(): string | null {
    const end = this.#pending.indexOf('\r\n');
    if (end < 0) return null;
    return this.#take(end + 2)
      .subarray(0, -2)
      .toString('latin1');
  }
}

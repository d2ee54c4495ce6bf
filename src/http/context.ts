import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { GatewayError } from '../errors.ts';
import { type Body, isBuffered } from './body/body.ts';
import { errorBody } from './error-body.ts';
import { HeaderList } from './headers/header-list.ts';
import { mustBeJson } from './json/media-type.ts';
import type { JsonFault } from './json/fault.ts';
import { isIllegalValue, isToken } from './headers/syntax.ts';
import { Message } from './message.ts';

/** What is known of the client's connection. */
export interface ClientConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly tls: boolean;
  /** The certificate that the client showed; null without TLS, or when it showed none. */
  readonly certificate?: ClientCertificate | null;
}

/** A client's certificate. */
export interface ClientCertificate {
  /** `CN=…, O=…`. */
  readonly subject: string;
  readonly issuer: string;
  /** SHA-256, in lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** False is seen only where `tls.skip_insecure_verify` lets such clients in. */
  readonly verified: boolean;
  /** Why it does not verify, as OpenSSL calls it (`CERT_HAS_EXPIRED`); null when it does. */
  readonly problem: string | null;
}

const requestFaults = {
  tooLarge: 'BODY_TOO_LARGE',
  malformed: 'REQUEST_MALFORMED',
  // Text shrinks to a tenth, seldom to a fiftieth: what goes beyond this was made for the purpose.
  maxRatio: 200,
} as const;
const responseFaults = {
  tooLarge: 'RESPONSE_TOO_LARGE',
  malformed: 'RESPONSE_MALFORMED',
  maxRatio: Infinity,
} as const;

/** The request as filters see and change it; what they leave here goes to the cluster. */
export class GatewayRequest extends Message {
  method: string;
  /** Origin-form request target as on the wire: path and query, still percent-encoded. */
  target: string;
  /** Protocol the client asks to go on with (`websocket`) on a connection that allows it. */
  upgrade: string | null = null;
  /** Whether the client sends the body only when it is told to, which whoever starts it does. */
  expectsContinue = false;
  /** `headers.size` as the client sent them; 0 where that is not known. */
  headSize = 0;
  /** Whether a body that is no JSON passes for one without any field. */
  lenient = false;

  constructor(method: string, target: string, headers: HeaderList, body: Body) {
    super(headers, body, requestFaults);
    this.method = method;
    this.target = target;
  }

  /** A condition must not take a body that it cannot read for one that lacks the field. */
  protected override noJson(fault: JsonFault): void {
    if (this.lenient || !mustBeJson(this.path, this.headers, this.content.start)) return;
    const reason = `the body is to be read as JSON, and is none: ${fault.message}`;
    throw new GatewayError('REQUEST_MALFORMED', { reason }, fault);
  }

  /** From now on what arrives of the body is kept, up to so many bytes, to be sent again. */
  keepBody(limit: number): void {
    this.keepUpTo(limit);
  }

  /** The target up to, not including, `?`. */
  get path(): string {
    const mark = this.target.indexOf('?');
    return mark < 0 ? this.target : this.target.slice(0, mark);
  }

  /** The query without its `?`; empty when there is none. */
  get query(): string {
    const mark = this.target.indexOf('?');
    return mark < 0 ? '' : this.target.slice(mark + 1);
  }
}

/** The response as filters build and change it; the entry writes it when the flow has ended. */
export class GatewayResponse extends Message {
  /** 0 until somebody gave the response a status. */
  status = 0;
  /** Reason phrase; the standard one when empty. */
  statusText = '';
  /** The failure of a forward that this response was made of; null for any other response. */
  failure: GatewayError | null = null;

  constructor() {
    super(null, null, responseFaults);
  }

  /** Whether anybody has given a response. */
  get isGiven(): boolean {
    return this.status !== 0 || this.body !== null;
  }

  /**
   * Another response takes the place of this one, which is given up. Fields that filters have set
   * stay, unless the new response has one of that name, or they describe the old body.
   */
  replaceBy(status: number, statusText: string, headers: HeaderList, body: Body): void {
    if (!isBuffered(this.body)) this.body.cancel();
    this.status = status;
    this.statusText = statusText;
    this.failure = null;
    if (this.hasHeaders) addMissing(headers, this.headers.own);
    else headers.noteChanges();
    this.headers = headers;
    this.body = body;
  }

  /** An error of the gateway's own takes the place of this response; `complete` may add fields. */
  fail(error: GatewayError, complete?: (headers: HeaderList) => void): void {
    const { contentType, body } = errorBody(error);
    const headers = new HeaderList(['Content-Type', contentType]);
    complete?.(headers);
    this.replaceBy(error.status, '', headers, body);
    this.failure = error;
  }
}

/** Adds the fields to `headers`, as set by filters, where it has none of the name. */
function addMissing(headers: HeaderList, own: readonly string[]): void {
  const missing: string[] = [];
  for (let i = 0; i < own.length; i += 2) {
    const name = own[i] as string;
    const value = own[i + 1] as string;
    // One that cannot be written must not stop the error that tells of it.
    if (describesBody.test(name) || !isToken(name) || isIllegalValue(value)) continue;
    if (/^set-cookie$/i.test(name) || !headers.has(name)) missing.push(name, value);
  }
  headers.noteChanges();
  for (let i = 0; i < missing.length; i += 2) {
    headers.append(missing[i] as string, missing[i + 1] as string);
  }
}

/** Fields that belong to one body, or to its framing. */
const describesBody =
  /^(?:content-(?:length|encoding|range|md5)|transfer-encoding|trailer|connection|keep-alive|upgrade)$/i;

/** A connection that left HTTP: what the upstream answered 101 with. */
export interface UpgradedConnection {
  readonly socket: Duplex;
  /** Bytes that arrived behind the 101 head. */
  readonly head: Buffer;
}

/** Takes interim responses (1xx) on their way to the client. */
export interface InterimSink {
  /** `headers` is a flat name/value array. What cannot be told to this client is left out. */
  inform(status: number, headers: readonly string[]): void;
}

/** How a request was forwarded, or is being. */
export interface ForwardRecord {
  readonly cluster: string;
  /** `http://host:port` of the node that was asked last; empty when none was. */
  readonly node: string;
  /** Attempts after the first. */
  readonly repetitions: number;
  /** Until the head of the response was there. */
  readonly elapsedMs: number;
}

/** Who is told when a request's client goes away. */
export interface AbortListener {
  clientGone(): void;
}

/** Flows that one request may come through: more is a circle. */
const mostFlows = 100;

/** One request on its way through the gateway: entry → router → flow → filter → cluster. */
export class RequestContext {
  /** Unique among the workers. */
  readonly id: number;
  /** Name of the entry the request came in by. */
  readonly entry: string;
  readonly client: ClientConnection;
  readonly request: GatewayRequest;
  readonly response: GatewayResponse;
  /** performance.now() at the request's head. */
  readonly startedAt: number;
  /** Path variables that the router matched; null when there are none. */
  pathVariables: Readonly<Record<string, string>> | null = null;
  /** Variables that filters have set, an object of objects; null when there are none. */
  variables: Record<string, unknown> | null = null;
  /** True when no further filter of this request shall run. */
  finished = false;
  /** Set when the client asked for, and the upstream agreed to, another protocol. */
  upgraded: UpgradedConnection | null = null;
  /** Where interim responses go; null when nobody takes them. */
  interim: InterimSink | null = null;
  /** How it was forwarded last; null when it was not. */
  forward: ForwardRecord | null = null;
  /** Whether the client has gone; nothing needs to be answered any more. */
  aborted = false;
  /** performance.now() when the response was out, or the client had gone; 0 before. */
  endedAt = 0;
  /** Names of the flows that it has come through, with `->` in between. */
  flows = '';
  /** Bytes to keep of how a streamed response begins; -1 when nobody wants to see it. */
  keptOfResponse = -1;
  /** Whom to tell when the client goes: nearly always one. */
  #abortListener: AbortListener | null = null;
  #moreAbortListeners: AbortListener[] | null = null;
  #onEnd: (() => void)[] | null = null;
  #flowCount = 0;

  constructor(
    id: number,
    entry: string,
    client: ClientConnection,
    request: GatewayRequest,
    response = new GatewayResponse(),
    startedAt = performance.now(),
  ) {
    this.id = id;
    this.entry = entry;
    this.client = client;
    this.request = request;
    this.response = response;
    this.startedAt = startedAt;
  }

  /**
   * Calls `listener` once when the response is out, or will never be; at once when that is so
   * already. Up to so many bytes are kept of bodies that stream by, see `Message.seen`.
   */
  onEnd(listener: () => void, keptOfRequest = 0, keptOfResponse = 0): void {
    if (this.endedAt > 0) return listener();
    // The addresses can be asked for only as long as the connection is there: now they are kept.
    void this.client.localAddress;
    this.request.observe(keptOfRequest);
    this.keptOfResponse = Math.max(this.keptOfResponse, keptOfResponse);
    (this.#onEnd ??= []).push(listener);
  }

  /** Whether somebody looks at request and response when all is over. */
  get isObserved(): boolean {
    return this.#onEnd !== null;
  }

  /** The response is out, or will never be. Called by the entry only. */
  end(): void {
    if (this.endedAt > 0) return;
    this.endedAt = performance.now();
    const listeners = this.#onEnd;
    if (listeners === null) return;
    this.#onEnd = null;
    this.request.seal();
    this.response.seal();
    for (const listener of listeners) listener();
  }

  /** The request comes to a flow. @throws FLOWS_ENDLESS */
  enterFlow(name: string): void {
    if (++this.#flowCount > mostFlows) throw new GatewayError('FLOWS_ENDLESS', { flow: name });
    this.flows = this.flows === '' ? name : `${this.flows}->${name}`;
  }

  /** Ends the request's way through its flows; the response stands as it is. */
  finish(): void {
    this.finished = true;
  }

  /** Tells `listener` once if the client goes away before the response is complete. */
  onAbort(listener: AbortListener): void {
    if (this.aborted) listener.clientGone();
    else if (this.#abortListener === null) this.#abortListener = listener;
    else (this.#moreAbortListeners ??= []).push(listener);
  }

  offAbort(listener: AbortListener): void {
    if (this.#abortListener === listener) this.#abortListener = null;
    else {
      const index = this.#moreAbortListeners?.indexOf(listener) ?? -1;
      if (index >= 0) this.#moreAbortListeners?.splice(index, 1);
    }
  }

  /** The client has gone: tells those who asked. Called by the entry only. */
  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.finished = true;
    this.request.abandoned = true;
    this.response.abandoned = true;
    const first = this.#abortListener;
    const more = this.#moreAbortListeners ?? [];
    this.#abortListener = this.#moreAbortListeners = null;
    first?.clientGone();
    for (const listener of more) listener.clientGone();
  }
}

/** One way to speak to every kind of server session: HTTP/1.1 and HTTP/2, with TLS and without. */
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import type { Readable, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

export const sessionKinds = [
  { name: 'HTTP/1.1', secure: false, http2: false },
  { name: 'HTTP/1.1 over TLS', secure: true, http2: false },
  { name: 'HTTP/2 over TLS', secure: true, http2: true },
  { name: 'HTTP/2 without TLS', secure: false, http2: true },
] as const;

type SessionKind = (typeof sessionKinds)[number];

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent after the body. */
  readonly trailers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
  /** Complete when the body has ended. */
  readonly trailers: () => IncomingHttpHeaders;
}

/** A request whose body the test writes. */
export interface Exchange {
  readonly body: Writable;
  readonly answer: Promise<Answer>;
  /** Settles when the server asks for the body. */
  readonly continued: Promise<void>;
  /** Gives the exchange up. */
  abort(): void;
}

/** A client with one connection, which it keeps. */
export interface SessionClient {
  ask(asked: Asked): Exchange;
}

export function sessionClient(t: TestContext, kind: SessionKind, port: number): SessionClient {
  if (kind.http2) {
    const origin = `${kind.secure ? 'https' : 'http'}://127.0.0.1:${port}`;
    const session = connect(origin, { rejectUnauthorized: false });
    session.on('error', () => {});
    t.after(() => session.destroy());
    return { ask: (asked) => askHttp2(session, asked) };
  }
  const options = { keepAlive: true, maxSockets: 1 };
  const agent = kind.secure
    ? new SecureAgent({ ...options, rejectUnauthorized: false })
    : new Agent(options);
  t.after(() => agent.destroy());
  return { ask: (asked) => askHttp1(agent, port, asked) };
}

function askHttp1(agent: Agent, port: number, asked: Asked): Exchange {
  const { method = 'GET', path = '/', headers = {}, trailers } = asked;
  const send = agent instanceof SecureAgent ? secureRequest : request;
  const outgoing: ClientRequest = send({ agent, port, host: '127.0.0.1', method, path, headers });
  if (trailers !== undefined) outgoing.addTrailers(trailers);
  const answer = Promise.withResolvers<Answer>();
  const continued = Promise.withResolvers<void>();
  outgoing.on('continue', continued.resolve);
  outgoing.on('error', answer.reject);
  outgoing.on('response', (response: IncomingMessage) =>
    answer.resolve({
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: response,
      trailers: () => response.trailers,
    }),
  );
  if (headers['expect'] !== undefined) outgoing.flushHeaders();
  return {
    body: outgoing,
    answer: answer.promise,
    continued: continued.promise,
    abort: () => outgoing.destroy(),
  };
}

function askHttp2(session: ClientHttp2Session, asked: Asked): Exchange {
  const { method = 'GET', path = '/', headers = {}, trailers } = asked;
  const stream = session.request(
    { ':method': method, ':path': path, ...headers },
    { endStream: method === 'GET' || method === 'HEAD', waitForTrailers: trailers !== undefined },
  );
  const answer = Promise.withResolvers<Answer>();
  const continued = Promise.withResolvers<void>();
  let received: IncomingHttpHeaders = {};
  stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
  stream.on('trailers', (fields: IncomingHttpHeaders) => (received = fields));
  stream.on('continue', continued.resolve);
  stream.on('error', answer.reject);
  stream.on('response', (fields) =>
    answer.resolve({
      status: fields[':status'] ?? 0,
      headers: fields,
      body: stream,
      trailers: () => received,
    }),
  );
  return {
    body: stream,
    answer: answer.promise,
    continued: continued.promise,
    abort: () => stream.destroy(),
  };
}

/** A whole exchange, with its request's body in pieces. */
export async function whole(client: SessionClient, asked: Asked, pieces: readonly Buffer[] = []) {
  const { body, answer } = client.ask(asked);
  for (const piece of pieces) body.write(piece);
  body.end();
  const { status, headers, body: incoming, trailers } = await answer;
  const bytes = await buffer(incoming);
  return { status, headers, text: bytes.toString(), bytes, trailers: trailers() };
}

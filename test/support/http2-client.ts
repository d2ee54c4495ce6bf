/** Clients of HTTP/2 by node:http2, and an entry with TLS for them. */
import { once } from 'node:events';
import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { TestContext } from 'node:test';
import type { RequestContext } from '../../src/http/context.ts';
import { type Setup, startEntry } from './entry.ts';
import { withTls } from './tls.ts';

export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

type Handle = (context: RequestContext) => void | Promise<void>;

/** An entry with TLS, `handle` for its flow, and a client that is connected to it. */
export async function startHttp2(t: TestContext, handle: Handle, setup: Setup = {}) {
  const config = { ...withTls(), ...setup.config };
  const started = await startEntry(t, handle, { ...setup, config });
  return { ...started, client: connectHttp2(t, started.port) };
}

export function connectHttp2(t: TestContext, port: number): ClientHttp2Session {
  const client = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  client.on('error', () => {});
  t.after(() => client.destroy());
  return client;
}

export async function askHttp2(
  client: ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders | readonly string[] = {},
  body?: Buffer | string,
): Promise<Http2Answer> {
  const stream = client.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

/** The whole response; fails when the stream breaks. */
export async function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  let trailers: IncomingHttpHeaders = {};
  stream.on('trailers', (fields: IncomingHttpHeaders) => (trailers = fields));
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const status = Number(headers[':status']);
  return { status, headers, body: Buffer.concat(chunks).toString(), trailers };
}

import assert from 'node:assert/strict';
import type { Body } from '../../src/http/body/body.ts';
import { type ClientConnection, GatewayRequest, RequestContext } from '../../src/http/context.ts';
import { HeaderList } from '../../src/http/headers/header-list.ts';
import type { Message } from '../../src/http/message.ts';

export interface ContextOptions {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: string[];
  readonly body?: Body | string;
  readonly client?: Partial<ClientConnection>;
}

/** A request that came in, without a server. */
export function newContext(options: ContextOptions = {}): RequestContext {
  const { method = 'GET', target = '/', headers = ['Host', 'localhost:8000'] } = options;
  const body = typeof options.body === 'string' ? Buffer.from(options.body) : options.body;
  const client = {
    remoteAddress: '127.0.0.1',
    remotePort: 50925,
    localAddress: '127.0.0.1',
    localPort: 8000,
    tls: false,
    ...options.client,
  };
  const request = new GatewayRequest(method, target, new HeaderList(headers), body ?? null);
  return new RequestContext(1, 'entry', client, request);
}

/** A body that arrives in pieces, of a length not known beforehand. */
export function arriving(...chunks: (string | Buffer)[]): Body {
  return {
    length: undefined,
    start(sink) {
      for (const chunk of chunks) sink.write(Buffer.from(chunk));
      sink.end();
    },
    resume() {},
    cancel() {},
  };
}

/** The text of a body in memory. */
export function bodyText(message: Message): string {
  const { body } = message;
  assert.ok(body === null || Buffer.isBuffer(body), 'the body was not read');
  return body?.toString() ?? '';
}

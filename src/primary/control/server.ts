import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { reasonOf } from '../../errors.ts';
import { acceptNoMore } from '../../runtime/sockets/http-server.ts';
import { createServer } from '../../runtime/modules/builtins.ts';
import type { ControlAnswer } from './client.ts';

/** Time for requests under way when the server closes. */
const closeTimeoutMs = 1000;
/** Time for a whole request to arrive: they are small, and must not occupy the primary. */
const requestTimeoutMs = 10_000;

/** Handlers by request, such as `GET /status`. */
export type ControlRoutes = Readonly<Record<string, () => Promise<ControlAnswer> | ControlAnswer>>;

/** Returns the response to a request that is refused; null for one that is allowed. */
export type Gatekeeper = (request: IncomingMessage) => ControlAnswer | null;

/** An HTTP server for requests to the gateway itself; it does not listen yet. */
export function createControlServer(
  routes: ControlRoutes,
  keeper: Gatekeeper = () => null,
): Server {
  return createServer(
    { headersTimeout: requestTimeoutMs, requestTimeout: requestTimeoutMs },
    (request, response) => void answer(routes, keeper, request, response),
  );
}

/** Answers the requests under way, and accepts no more. */
export async function closeControlServer(server: Server): Promise<void> {
  const closed = acceptNoMore(server);
  // A request that does not arrive must not delay the end of the gateway.
  const timer = setTimeout(() => server.closeAllConnections(), closeTimeoutMs);
  await closed;
  clearTimeout(timer);
  server.close();
}

/** The path of a request, without its query. */
export function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] as string;
}

async function answer(
  routes: ControlRoutes,
  keeper: Gatekeeper,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  request.resume();
  let answered: ControlAnswer;
  try {
    answered = keeper(request) ?? (await act(routes, request));
  } catch (error) {
    answered = { status: 500, body: { error: reasonOf(error) } };
  }
  const { status, body, headers } = answered;
  const isText = typeof body === 'string';
  response.writeHead(status, {
    'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json',
    'cache-control': 'no-store',
    connection: 'close',
    ...headers,
  });
  response.end(isText ? body : `${JSON.stringify(body)}\n`);
}

function act(
  routes: ControlRoutes,
  request: IncomingMessage,
): Promise<ControlAnswer> | ControlAnswer {
  const path = pathOf(request);
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
  const route = Object.hasOwn(routes, `${method} ${path}`) && routes[`${method} ${path}`];
  if (route) return route();
  const allow = Object.keys(routes).flatMap((name) => {
    const [other = '', known] = name.split(' ');
    return known === path ? other : [];
  });
  if (allow.length === 0) return { status: 404, body: { error: 'not found' } };
  const [first] = allow;
  const error = `method not allowed; use ${first}`;
  return { status: 405, body: { error }, headers: { allow: allow.join(', ') } };
}

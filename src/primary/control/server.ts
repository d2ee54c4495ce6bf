import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { reasonOf } from '../../errors.ts';
import { acceptNoMore } from '../../runtime/sockets/http-server.ts';
import { createServer } from '../../runtime/modules/builtins.ts';
import type { ControlAnswer } from './client.ts';

/** How long requests under way have when the server closes, ms. */
const FAREWELL = 1000;
/** For a whole request: they are small, and nobody may keep the primary waiting. ms */
const PATIENCE = 10_000;

/** `GET /status` → what answers it. */
export type ControlRoutes = Readonly<Record<string, () => Promise<ControlAnswer> | ControlAnswer>>;

/** Answers what must not go on; null for what may. */
export type Gatekeeper = (request: IncomingMessage) => ControlAnswer | null;

/** An HTTP server for what a gateway can be asked and told; it does not listen yet. */
export function createControlServer(
  routes: ControlRoutes,
  keeper: Gatekeeper = () => null,
): Server {
  return createServer(
    { headersTimeout: PATIENCE, requestTimeout: PATIENCE },
    (request, response) => void answer(routes, keeper, request, response),
  );
}

/** Answers what was asked, and takes nothing more. */
export async function closeControlServer(server: Server): Promise<void> {
  const closed = acceptNoMore(server);
  // Nobody may hold the gateway's end up by a request that does not come.
  const timer = setTimeout(() => server.closeAllConnections(), FAREWELL);
  await closed;
  clearTimeout(timer);
  server.close();
}

/** The path that a request is for. */
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
  if (allow.length === 0) return { status: 404, body: { error: 'no such request' } };
  const [first] = allow;
  const error = `${path} takes ${first}`;
  return { status: 405, body: { error }, headers: { allow: allow.join(', ') } };
}

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { EntryLimits } from '../../config/types.ts';
import { GatewayError } from '../../errors.ts';
import { ServerResponse as DetachedResponse, createServer } from '../../runtime/builtins.ts';
import { onceCaughtUp } from '../../runtime/after-poll.ts';
import { type Connection, connectionOf } from '../connection/connection.ts';
import { rawErrorResponse } from '../exchange/error-response.ts';
import type { ExchangeOwner } from '../exchange/exchange.ts';
import { type ExchangeKind, NodeExchange } from './exchange.ts';
import { refusalOf } from '../../http/http1/request-validation.ts';
import { mayUpgrade } from './upgrade.ts';

/** How often the time limits on a request are looked at, ms. */
const checkInterval = 1_000;

/**
 * The one HTTP/1.1 parser of an entry. It never listens: connections come by
 * `emit('connection', socket)`, whatever they arrived on.
 */
export function createHttpServer(owner: ExchangeOwner, limits: EntryLimits): Server {
  const { head_timeout, request_timeout } = limits;
  const bothLimited = head_timeout > 0 && request_timeout > 0;
  const server = createServer({
    insecureHTTPParser: false,
    // Ours is checked with the rest: node:http would go on with the connection after its refusal.
    requireHostHeader: false,
    joinDuplicateHeaders: false,
    headersTimeout: bothLimited ? Math.min(head_timeout, request_timeout) : head_timeout,
    requestTimeout: request_timeout,
    connectionsCheckingInterval: checkInterval,
    keepAliveTimeout: limits.idle_timeout,
    // A kept connection is ended by `timeout` below.
    keepAliveTimeoutBuffer: 0,
    maxHeaderSize: limits.max_header_size,
    shouldUpgradeCallback: mayUpgrade,
  });

  // Beyond a number of fields node:http leaves them out without a word; we refuse.
  server.maxHeadersCount = 0;

  function begin(request: IncomingMessage, response: ServerResponse, kind?: ExchangeKind): void {
    const connection = connectionOf(request.socket);
    if (connection === undefined) request.socket.destroy();
    else if (connection.probe !== null)
      response.writeHead(connection.probe === request.url ? 204 : 404).end();
    else {
      const refusal = refusalOf(request, limits);
      const judged = refusal === null ? kind : { refusal };
      const exchange = new NodeExchange(owner, connection, request, response, limits, judged);
      connection.arrive(exchange, owner.draining);
    }
  }

  server.on('request', (request, response) => begin(request, response));
  server.on('checkContinue', (request, response) => {
    begin(request, response, { expectsContinue: true });
  });
  server.on('checkExpectation', (request, response) => {
    begin(request, response, { refusal: new GatewayError('EXPECTATION_FAILED') });
  });
  server.on('upgrade', (request, stream, head) => {
    const refusal = refusalOf(request, limits);
    beginDetached(owner, limits, request, stream, refusal ? { refusal } : { upgradeHead: head });
  });
  server.on('connect', (request, stream) => {
    const refusal = new GatewayError('METHOD_NOT_ALLOWED', { method: 'CONNECT' });
    beginDetached(owner, limits, request, stream, { refusal });
  });
  server.on('clientError', onClientError);
  server.on('timeout', (socket: Socket) => {
    const connection = connectionOf(socket);
    if (connection === undefined) socket.destroy();
    else {
      const { bytesRead } = socket;
      onceCaughtUp(() => {
        const quiet = socket.bytesRead === bytesRead && connection.doing === 'idle';
        if (quiet && !connection.closing) connection.close();
      });
    }
  });
  // Starts the check of headersTimeout, which node:http starts when a server listens.
  server.emit('listening');
  return server;
}

/** A request whose connection node:http has let go of. */
function beginDetached(
  owner: ExchangeOwner,
  limits: EntryLimits,
  request: IncomingMessage,
  socket: Duplex,
  kind: ExchangeKind,
): void {
  const connection = connectionOf(request.socket);
  if (connection === undefined || connection.current !== null || connection.hasMore) {
    socket.destroy();
    return;
  }
  socket.on('error', () => socket.destroy());
  const response = new DetachedResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.on('finish', () => {
    response.detachSocket(socket as Socket);
    connection.ending = 'answered';
    connection.close();
  });
  connection.arrive(new NodeExchange(owner, connection, request, response, limits, kind), false);
}

/** Something on the connection is not HTTP, came too late, or the connection broke. */
function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  const connection = connectionOf(socket);
  if (connection === undefined || !socket.writable || !isParseError(error)) {
    socket.destroy();
    return;
  }
  if (connection.closing) return;
  const shown = toClientError(error);
  const { current } = connection;
  if (current?.receiving) current.malformed(shown);
  else if (current !== null || connection.hasMore) {
    connection.afterwards = () => answer(connection, shown);
  } else answer(connection, shown);
}

function answer(connection: Connection, error: GatewayError): void {
  const { bytesRead } = connection.socket as Partial<Socket>;
  // Nothing was asked: there is nothing to answer.
  if (bytesRead !== 0) connection.socket.write(rawErrorResponse(error));
  connection.close();
}

function isParseError(error: NodeJS.ErrnoException): boolean {
  // The client has gone in the middle of a request.
  if (error.code === 'HPE_INVALID_EOF_STATE') return false;
  return error.code === 'ERR_HTTP_REQUEST_TIMEOUT' || error.code?.startsWith('HPE_') === true;
}

function toClientError(error: NodeJS.ErrnoException): GatewayError {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return new GatewayError('REQUEST_TIMEOUT');
  if (error.code === 'HPE_HEADER_OVERFLOW') return new GatewayError('HEAD_TOO_LARGE');
  const { reason = error.message } = error as { reason?: string };
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

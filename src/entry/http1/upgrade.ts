import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import type { RequestContext, UpgradedConnection } from '../../http/context.ts';
import { STATUS_CODES, validateHeaderName, validateHeaderValue } from '../../runtime/builtins.ts';
import type { Connection } from '../connection/connection.ts';
import { connectionOf } from '../connection/connection.ts';

const declined = Symbol('declined');
type Marked = IncomingMessage & { [declined]?: true };

/**
 * Whether an upgrade that the client asks for is taken up. One of HTTP itself, one behind requests
 * not yet answered, and one with a body are left unheeded, as HTTP allows: the request is an
 * ordinary one then.
 */
export function mayUpgrade(request: IncomingMessage): boolean {
  if (isTakenUp(request)) return true;
  (request as Marked)[declined] = true;
  return false;
}

/**
 * Whether the request asked for an upgrade that was left unheeded. It is then the last one on its
 * connection: the parser may have dropped what came behind it.
 */
export function wasDeclined(request: IncomingMessage): boolean {
  return (request as Marked)[declined] === true;
}

function isTakenUp(request: IncomingMessage): boolean {
  const { headers } = request;
  const protocol = headers.upgrade?.toLowerCase();
  if (protocol === undefined || protocol.startsWith('h2') || protocol.startsWith('tls'))
    return false;
  if (headers['transfer-encoding'] !== undefined) return false;
  if (headers['content-length'] !== undefined && headers['content-length'] !== '0') return false;
  const connection = connectionOf(request.socket);
  return connection !== undefined && connection.current === null && !connection.hasMore;
}

/** Tells the client that protocols are switched, then passes bytes both ways until either ends. */
export function joinUpgraded(
  context: RequestContext,
  connection: Connection,
  upgraded: UpgradedConnection,
  clientHead: Buffer | undefined,
): void {
  const { status, statusText, headers } = context.response;
  let head = `HTTP/1.1 ${status} ${statusText || (STATUS_CODES[status] ?? '')}\r\n`;
  headers.forEach((name, value) => {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    head += `${name}: ${value}\r\n`;
  });
  const client = connection.socket;
  const { socket: upstream, head: upstreamHead } = upgraded;
  client.write(Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), upstreamHead]));
  if (clientHead?.length) upstream.write(clientHead);
  // Each direction ends by itself; a failure of either ends both.
  const failed = (error?: Error | null): void => {
    if (!error) return;
    client.destroy();
    upstream.destroy();
  };
  pipeline(client, upstream, failed);
  pipeline(upstream, client, failed);
}

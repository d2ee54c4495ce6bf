import { type Body, lengthOf } from '../body/body.ts';
import { fieldLine } from '../headers/raw-lines.ts';
import { isIllegalValue, isToken } from '../headers/syntax.ts';
import { GatewayError } from '../../errors.ts';

/** A request to a node, complete but for its framing: hop-by-hop fields are gone. */
export interface RequestHead {
  readonly method: string;
  /** Origin-form target. */
  readonly target: string;
  /** Value of Host. */
  readonly host: string;
  /**
   * Flat name/value array in wire order, or well-formed lines, without Host, Connection, Upgrade,
   * Content-Length and Transfer-Encoding: the transport writes these itself.
   */
  readonly headers: readonly string[] | string;
  /** Started when there is a connection, not before. */
  readonly body: Body;
  /**
   * The body is wanted only if the node asks for it: it is announced by `Expect: 100-continue`, and
   * started at the node's 100, or when the node has said nothing for a second. Nodes that are spoken
   * to by HTTP/2 are not asked.
   */
  readonly expectsContinue?: boolean;
  /** Whether the client takes trailers (`TE: trailers`): HTTP/2 nodes are told so. */
  readonly acceptsTrailers?: boolean;
  /** Protocol to upgrade to (`websocket`), or undefined. */
  readonly upgrade?: string | undefined;
}

const illegalInTarget = /[^\x21-\x7e\x80-\xff]/;

/** Whether a request without a body says so, because a body is what its method is about. */
function expectsBody(method: string): boolean {
  return method === 'POST' || method === 'PUT' || method === 'PATCH';
}

/**
 * The head of a request, Latin-1, to the empty line that ends it.
 * @throws REQUEST_MALFORMED when a filter left something that must not be on the wire
 */
export function encodeRequestHead(request: RequestHead): string {
  const { method, target, host, headers, body, upgrade } = request;
  checkRequestLine(method, target);
  const first = `${method} ${target} HTTP/1.1\r\n${checkedLine('Host', host)}`;
  let head = first + (typeof headers === 'string' ? headers : checkedLines(headers));
  if (upgrade !== undefined) head += `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`;
  if (request.expectsContinue) head += 'Expect: 100-continue\r\n';
  const length = lengthOf(body);
  if (length === undefined) return `${head}Transfer-Encoding: chunked\r\n\r\n`;
  if (body === null && !expectsBody(method)) return `${head}\r\n`;
  return `${head}Content-Length: ${length}\r\n\r\n`;
}

/** @throws REQUEST_MALFORMED when method or target must not be on the wire */
export function checkRequestLine(method: string, target: string): void {
  if (isToken(method) && target !== '' && !illegalInTarget.test(target)) return;
  throw new GatewayError('REQUEST_MALFORMED', { reason: 'its method or target is illegal' });
}

function checkedLines(fields: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < fields.length; i += 2) {
    lines += checkedLine(fields[i] as string, fields[i + 1] as string);
  }
  return lines;
}

function checkedLine(name: string, value: string): string {
  if (isToken(name) && !isIllegalValue(value)) return fieldLine(name, value);
  const reason = `field ${JSON.stringify(name)} holds an illegal character`;
  throw new GatewayError('REQUEST_MALFORMED', { reason });
}

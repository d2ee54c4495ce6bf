import { GatewayError } from '../../errors.ts';
import { STATUS_CODES } from '../../runtime/modules/builtins.ts';
import { type Body, lengthOf } from '../body/body.ts';
import { fieldLine } from '../headers/raw-lines.ts';
import { isIllegalValue, isNamed, isToken } from '../headers/syntax.ts';
import type { Fields } from '../response-writer.ts';

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
  const first = `${method} ${target} HTTP/1.1\r\n${checkedLine('Host', host, malformed)}`;
  let head = first + (typeof headers === 'string' ? headers : checkedLines(headers, malformed));
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
  throw malformed('its method or target is illegal');
}

/** `HTTP/1.1 200 OK` and the like, by status; each is made when it is first needed. */
const statusLines = Array.from<string | undefined>({ length: 1000 });
/** The Date line of `dateSecond`, for all responses of the process. */
let dateLine = '';
let dateSecond = 0;

/**
 * The head of a response on a connection, Latin-1, to the empty line that ends it. Date is added
 * to an array when it is missing; `ending` is what closes the head: the fields that concern the
 * connection.
 * @throws TypeError for what must not be on the wire
 */
export function encodeResponseHead(
  status: number,
  statusText: string,
  headers: Fields,
  ending: string,
): string {
  let head = firstLine(status, statusText);
  if (typeof headers === 'string') return head + headers + ending;
  let dated = false;
  for (let i = 0; i < headers.length; i += 2) {
    const field = headers[i] as string;
    if (isNamed(field, 'date')) dated = true;
    head += checkedLine(field, headers[i + 1] as string, illegal);
  }
  return dated ? head + ending : `${head}${dateField()}${ending}`;
}

/** The head of an interim response (1xx). @throws TypeError for what must not be on the wire */
export function encodeInterimHead(status: number, headers: readonly string[]): string {
  const first = statusLines[status] ?? statusLine(status);
  return `${first}${checkedLines(headers, illegal)}\r\n`;
}

function firstLine(status: number, text: string): string {
  if (text === '' || text === STATUS_CODES[status])
    return statusLines[status] ?? statusLine(status);
  if (isIllegalValue(text)) throw new TypeError('an illegal reason phrase');
  return `HTTP/1.1 ${checkedStatus(status)} ${text}\r\n`;
}

function statusLine(status: number): string {
  const text = STATUS_CODES[checkedStatus(status)] ?? 'unknown';
  return (statusLines[status] = `HTTP/1.1 ${status} ${text}\r\n`);
}

function checkedStatus(status: number): number {
  if (Number.isInteger(status) && status >= 100 && status <= 999) return status;
  throw new RangeError(`${status} is no status code`);
}

/** The line that tells the time now, made once a second. */
export function dateField(): string {
  const now = Date.now();
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateLine = `Date: ${new Date(now).toUTCString()}\r\n`;
  }
  return dateLine;
}

function checkedLines(fields: readonly string[], error: (reason: string) => Error): string {
  let lines = '';
  for (let i = 0; i < fields.length; i += 2) {
    lines += checkedLine(fields[i] as string, fields[i + 1] as string, error);
  }
  return lines;
}

/** A field as a line. @throws `error` for what must not be on the wire */
function checkedLine(name: string, value: string, error: (reason: string) => Error): string {
  if (isToken(name) && !isIllegalValue(value)) return fieldLine(name, value);
  throw error(`field ${JSON.stringify(name)} holds an illegal character`);
}

function malformed(reason: string): Error {
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

function illegal(reason: string): Error {
  return new TypeError(reason);
}

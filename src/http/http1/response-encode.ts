import { fieldLine } from '../headers/raw-lines.ts';
import { isIllegalValue, isNamed, isToken } from '../headers/syntax.ts';
import { STATUS_CODES } from '../../runtime/modules/builtins.ts';
import type { Fields } from '../response-writer.ts';

/** `HTTP/1.1 200 OK` and the like, by status. */
const statusLines = Array.from<string | undefined>({ length: 1000 });
let date = '';
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
    head += checkedLine(field, headers[i + 1] as string);
  }
  return dated ? head + ending : `${head}${dateField()}${ending}`;
}

/** The head of an interim response (1xx). @throws TypeError for what must not be on the wire */
export function encodeInterimHead(status: number, headers: readonly string[]): string {
  let head = statusLines[status] ?? statusLine(status);
  for (let i = 0; i < headers.length; i += 2) {
    head += checkedLine(headers[i] as string, headers[i + 1] as string);
  }
  return `${head}\r\n`;
}

function checkedLine(field: string, value: string): string {
  if (isToken(field) && !isIllegalValue(value)) return fieldLine(field, value);
  throw new TypeError(`field ${JSON.stringify(field)} holds an illegal character`);
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
    date = `Date: ${new Date(now).toUTCString()}\r\n`;
  }
  return date;
}

import { isUtf8 } from 'node:buffer';
import { GatewayError } from '../errors.ts';

/**
 * A name or an address, perhaps with a port, which may be empty: RFC 3986, without user information
 * and commas, by which two readers could see two hosts.
 */
const host = /^(?:[0-9A-Za-z.\-_~%!$&'()*+;=]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?$/;
const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/i;
/** Lower case is refused: a node that ignores case would see another method than the rules did. */
const method = /^[!#$%&'*+\-.^_`|~0-9A-Z]+$/;
const illegal = /[^\x21-\x7e\x80-\xff]/;

/** A request's target in origin form, and the host that its absolute form named, if it did. */
export interface RequestTarget {
  /** Path and query, or `*`. */
  readonly target: string;
  readonly authority: string | null;
}

/** Whether `value` is what Host or an authority may be. */
export function isHost(value: string): boolean {
  return host.test(value);
}

/** Whether requests of that method are taken. */
export function isMethod(name: string): boolean {
  return method.test(name);
}

/**
 * A target in origin form, or `*` of OPTIONS, as everybody from the router to the node sees it: bytes
 * of UTF-8 that were not percent-encoded are.
 * @param text Latin-1, a character for each byte
 * @throws REQUEST_MALFORMED
 */
export function originTarget(name: string, text: string): string {
  if (text === '*' && name === 'OPTIONS') return text;
  if (!text.startsWith('/')) throw malformed('invalid target');
  if (illegal.test(text)) throw malformed('illegal character in the target');
  if (text.includes('#')) throw malformed('fragment in the target');
  return encodeBytes(text);
}

/** The same for a target that may be in absolute form. @throws REQUEST_MALFORMED */
export function requestTarget(name: string, text: string): RequestTarget {
  const absolute = absoluteForm.exec(text);
  if (absolute === null) return { target: originTarget(name, text), authority: null };
  const [, authority = '', rest = ''] = absolute;
  if (!isHost(authority)) throw malformed('invalid host in the target');
  const target = rest.startsWith('/') ? rest : `/${rest}`;
  return { target: originTarget(name, target), authority };
}

function encodeBytes(text: string): string {
  if (!/[\x80-\xff]/.test(text)) return text;
  if (!isUtf8(Buffer.from(text, 'latin1')))
    throw malformed('bytes in the target that are no UTF-8');
  return text.replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function malformed(reason: string): GatewayError {
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

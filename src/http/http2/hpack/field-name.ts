import { nameBit } from '../../headers/raw-lines.ts';
import { isToken } from '../../headers/syntax.ts';

/** What a field's name means to HTTP/2, or to whoever passes the field on. */
export const NameKind = {
  /** It goes on as it is. */
  plain: 0,
  host: 1,
  cookie: 2,
  contentLength: 3,
  expect: 4,
  te: 5,
  /** It concerns one connection, or is written anew by whoever passes the message on. */
  staying: 6,
  trailer: 7,
  // From here on a field of that name is malformed, or is a pseudo-header field.
  illegal: 8,
  pseudo: 9,
  method: 10,
  scheme: 11,
  authority: 12,
  path: 13,
  protocol: 14,
  status: 15,
} as const;

/** A name, looked at once. */
export interface FieldName {
  readonly text: string;
  readonly kind: number;
  /** See `nameBit`. */
  readonly bit: number;
}

const special: Readonly<Record<string, number>> = {
  host: NameKind.host,
  cookie: NameKind.cookie,
  'content-length': NameKind.contentLength,
  expect: NameKind.expect,
  te: NameKind.te,
  trailer: NameKind.trailer,
  'http2-settings': NameKind.staying,
  'proxy-authenticate': NameKind.staying,
  'proxy-authorization': NameKind.staying,
  connection: NameKind.illegal,
  'keep-alive': NameKind.illegal,
  'proxy-connection': NameKind.illegal,
  'transfer-encoding': NameKind.illegal,
  upgrade: NameKind.illegal,
  ':method': NameKind.method,
  ':scheme': NameKind.scheme,
  ':authority': NameKind.authority,
  ':path': NameKind.path,
  ':protocol': NameKind.protocol,
  ':status': NameKind.status,
};

/** Names kept; more than real messages have, and few enough to be kept for nobody. */
const maxKnown = 1024;
const longestKnown = 64;
const known = new Map<string, FieldName>();

/** What is to be known of a name as it came over the wire. */
export function fieldName(text: string): FieldName {
  const found = known.get(text);
  if (found !== undefined) return found;
  const name = { text, kind: kindOf(text), bit: text === '' ? 0 : nameBit(text) };
  if (known.size < maxKnown && text.length <= longestKnown) known.set(text, name);
  return name;
}

function kindOf(text: string): number {
  if (Object.hasOwn(special, text)) return special[text] as number;
  if (text.startsWith(':')) return NameKind.pseudo;
  return isToken(text) && !/[A-Z]/.test(text) ? NameKind.plain : NameKind.illegal;
}

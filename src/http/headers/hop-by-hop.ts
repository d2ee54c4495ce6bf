import { Buffer } from 'node:buffer';
import { isNamed } from './syntax.ts';

/** Fields that are not passed on as they are, or that decide on others. */
export const Staying = {
  none: 0,
  host: 1,
  expect: 2,
  contentLength: 3,
  /** It goes on, or not, as the body is framed. */
  trailer: 4,
  // From here on they speak of one connection only, or a transport writes them itself.
  upgrade: 5,
  connection: 6,
  keepAlive: 7,
  transferEncoding: 8,
  proxyConnection: 9,
  /** TE, HTTP2-Settings, and what proxies ask for and are told. */
  other: 10,
} as const;

/** The name of such a field, in lower case. */
export interface StayingName {
  readonly name: string;
  readonly bytes: Buffer;
  readonly kind: number;
}

/** All of them, by length. */
export const stayingNames: StayingName[][] = [];
for (const [name, kind] of [
  ['host', Staying.host],
  ['expect', Staying.expect],
  ['upgrade', Staying.upgrade],
  ['connection', Staying.connection],
  ['keep-alive', Staying.keepAlive],
  ['content-length', Staying.contentLength],
  ['transfer-encoding', Staying.transferEncoding],
  ['trailer', Staying.trailer],
  ['te', Staying.other],
  ['http2-settings', Staying.other],
  ['proxy-connection', Staying.proxyConnection],
  ['proxy-authenticate', Staying.other],
  ['proxy-authorization', Staying.other],
] as const) {
  for (let length = stayingNames.length; length <= name.length; length++) stayingNames.push([]);
  stayingNames[name.length]?.push({ name, bytes: Buffer.from(name), kind });
}

function kindOf(field: string): number {
  const alike = stayingNames[field.length];
  if (alike === undefined) return Staying.none;
  for (let i = 0; i < alike.length; i++) {
    const { name, kind } = alike[i] as StayingName;
    if (isNamed(field, name)) return kind;
  }
  return Staying.none;
}

/** Whether whoever sends the message writes that field anew, or leaves it out. */
export function staysHere(name: string): boolean {
  const kind = kindOf(name);
  return kind !== Staying.none && kind !== Staying.trailer;
}

/** Whether a field speaks of one connection only, or is one that a transport writes itself. */
export function isOfConnection(name: string): boolean {
  return kindOf(name) >= Staying.upgrade;
}

/** Names that Connection fields list beyond the usual options; null when there are none. */
export function namedByConnection(raw: readonly string[]): Set<string> | null {
  let named: Set<string> | null = null;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length !== 10 || !isNamed(name, 'connection')) continue;
    const value = raw[i + 1] as string;
    if (isNamed(value, 'keep-alive') || isNamed(value, 'close')) continue;
    for (const option of value.toLowerCase().split(',')) {
      const field = option.trim();
      if (field === 'close' || field === 'keep-alive' || field === 'upgrade') continue;
      named ??= new Set();
      named.add(field);
    }
  }
  return named;
}

/** Takes the fields that concern one connection alone out of a flat name/value array. */
export function dropOfConnection(raw: string[]): void {
  const named = namedByConnection(raw);
  let kept = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (isOfConnection(name) || named?.has(name.toLowerCase())) continue;
    if (kept < i) {
      raw[kept] = name;
      raw[kept + 1] = raw[i + 1] as string;
    }
    kept += 2;
  }
  if (kept < raw.length) raw.length = kept;
}

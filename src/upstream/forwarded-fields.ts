import { isNamed } from '../context/field-syntax.ts';

/** Whether a field speaks of one connection only, or is one that a transport writes itself. */
function isOfConnection(name: string): boolean {
  switch (name.length) {
    case 2:
      return isNamed(name, 'te');
    case 7:
      return isNamed(name, 'upgrade');
    case 10:
      return isNamed(name, 'connection') || isNamed(name, 'keep-alive');
    case 14:
      return isNamed(name, 'http2-settings');
    case 16:
      return isNamed(name, 'proxy-connection');
    case 17:
      return isNamed(name, 'transfer-encoding');
    case 18:
      return isNamed(name, 'proxy-authenticate');
    case 19:
      return isNamed(name, 'proxy-authorization');
    default:
      return false;
  }
}

/** Whether a request's field is not passed on besides: the gateway has dealt with it. */
function isOfRequest(name: string): boolean {
  return isNamed(name, 'host') || isNamed(name, 'content-length') || isNamed(name, 'expect');
}

/** Names that Connection fields list beyond the usual options; null when there are none. */
function namedByConnection(raw: readonly string[]): Set<string> | null {
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

/**
 * The fields of a request that go to a node: Host first (its value is `headers[1]`), then all that
 * do not concern the client's connection alone, in their order.
 * @param host value of Host
 * @param authorization value of Authorization if the client sent none
 */
export function requestFields(
  raw: readonly string[],
  host: string,
  authorization: string | null,
): string[] {
  const named = namedByConnection(raw);
  const fields = ['Host', host];
  let authorized = authorization === null;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (isOfConnection(name) || isOfRequest(name) || named?.has(name.toLowerCase())) continue;
    if (!authorized && isNamed(name, 'authorization')) authorized = true;
    fields.push(name, raw[i + 1] as string);
  }
  if (!authorized) fields.push('Authorization', authorization as string);
  return fields;
}

/** Takes the fields that concern the node's connection alone out of a response's. */
export function stripResponseFields(raw: string[]): string[] {
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
  return raw;
}

import { isNamed } from './field-syntax.ts';

/** Whether a field speaks of one connection only, or is one that a transport writes itself. */
export function isOfConnection(name: string): boolean {
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

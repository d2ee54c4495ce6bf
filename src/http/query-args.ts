/** The first value of `name` in a query (without `?`), decoded; undefined when it is not there. */
export function readArgument(query: string, name: string): string | undefined {
  for (const [key, value] of pairsOf(query)) if (key === name) return decode(value);
  return undefined;
}

/** All arguments; of several with one name, the first. */
export function readArguments(query: string): Record<string, string> {
  const all: Record<string, string> = Object.create(null);
  for (const [key, value] of pairsOf(query)) all[key] ??= decode(value);
  return all;
}

/**
 * The query with `name` set: the first of that name is replaced, others of it go, a new one stands
 * at the end. Everything else stays as it was written. `undefined` removes it.
 */
export function withArgument(query: string, name: string, value: string | undefined): string {
  const written = value === undefined ? undefined : `${encode(name)}=${encode(value)}`;
  const parts: string[] = [];
  let done = written === undefined;
  for (const part of query === '' ? [] : query.split('&')) {
    if (decode(part.split('=', 1)[0] as string) !== name) parts.push(part);
    else if (!done) {
      parts.push(written as string);
      done = true;
    }
  }
  if (!done) parts.push(written as string);
  return parts.join('&');
}

function* pairsOf(query: string): Generator<[name: string, rawValue: string]> {
  if (query === '') return;
  for (const part of query.split('&')) {
    const sign = part.indexOf('=');
    if (sign < 0) yield [decode(part), ''];
    else yield [decode(part.slice(0, sign)), part.slice(sign + 1)];
  }
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Undoes percent-encoding; what is no proper encoding stays as it is. */
function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

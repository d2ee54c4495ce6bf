/** The first value of `name` in a query (without `?`), decoded; undefined when it is not there. */
export function readArgument(query: string, name: string): string | undefined {
  for (const [key, value] of pairsOf(query)) if (key === name) return decode(value);
  return undefined;
}

/**
 * The value of `name` as Elasticsearch reads it: the last one, and `;` separates arguments as well.
 * Undefined when it is not there.
 */
export function readLastArgument(query: string, name: string): string | undefined {
  let last: string | undefined;
  for (const [key, value] of pairsOf(query, /[&;]/)) if (key === name) last = value;
  return last === undefined ? undefined : decode(last);
}

/** All arguments; of several with one name, the first. */
export function readArguments(query: string): Record<string, string> {
  const all: Record<string, string> = Object.create(null);
  for (const [key, value] of pairsOf(query)) all[key] ??= decode(value);
  return all;
}

/**
 * The query with `name` set: the first of that name is replaced, others of it go, a new one stands
 * at the end. Everything else stays as it was written. `undefined` removes it. Those that `;` separates
 * count as well, because Elasticsearch reads them.
 */
export function withArgument(query: string, name: string, value: string | undefined): string {
  const written = value === undefined ? undefined : `${encode(name)}=${encode(value)}`;
  let result = '';
  let done = written === undefined;
  const add = (separator: string, part: string): void => {
    result += result === '' ? part : `${separator}${part}`;
  };
  // Each argument, and after it what separates it from the next one.
  const parts = query === '' ? [] : query.split(/([&;])/);
  for (let i = 0; i < parts.length; i += 2) {
    const part = parts[i] as string;
    const separator = parts[i - 1] ?? '';
    if (decode(part.split('=', 1)[0] as string) !== name) add(separator, part);
    else if (!done) {
      add(separator, written as string);
      done = true;
    }
  }
  if (!done) add('&', written as string);
  return result;
}

function* pairsOf(
  query: string,
  separator: string | RegExp = '&',
): Generator<[name: string, rawValue: string]> {
  if (query === '') return;
  for (const part of query.split(separator)) {
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

/** A request as it must arrive: what the gateway may not change. */
export interface Reading {
  readonly method: string;
  /** Origin form. */
  readonly target: string;
  /** Undefined where a request of HTTP/1.0 has none. */
  readonly host: string | undefined;
  /** End-to-end fields but Host, `Name: value`, in their order. */
  readonly fields: readonly string[];
  /** Latin-1. */
  readonly body: string;
  readonly trailers: readonly string[];
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** More than one blank between its parts is read by everybody alike. */
const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) +([\x21-\x7e]+) +HTTP\/1\.([01])$/;
const fieldLine =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[ \t]*$/;
const chunkLine = /^([0-9A-Fa-f]{1,8})((?:;[\t\x20-\x7e\x80-\xff]*)?)$/;

/** What the gateway writes its own way, and what concerns a connection or tells of the client. */
const leftOut: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'http2-settings',
  'expect',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);

/**
 * The requests at the beginning of a connection that only one reading of RFC 9112 is possible of. Made
 * to be plain, and shares nothing with the gateway.
 */
export function readRequests(text: string): Reading[] {
  const requests: Reading[] = [];
  let rest = text;
  for (;;) {
    // Empty lines before a request are to be ignored, however they end.
    const read = readOne(rest.replace(/^[\r\n]+/, ''));
    if (read === null) return requests;
    requests.push(read.request);
    rest = read.rest;
  }
}

function readOne(text: string): { request: Reading; rest: string } | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const [, method = '', target = '', minor] = requestLine.exec(first) ?? [];
  const pairs = readFields(lines);
  if (method === '' || pairs === null) return null;
  const values = (name: string): string[] =>
    pairs.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
  const hosts = values('host');
  if (hosts.length > 1 || (hosts.length === 0 && minor === '1')) return null;
  const body = readBody(text.slice(end + 4), values, minor === '1');
  if (body === null) return null;
  const absolute = /^http:\/\/([^/?]+)(.*)$/i.exec(target);
  const path = absolute?.[2] ?? target;
  const request = {
    method,
    target: absolute && !path.startsWith('/') ? `/${path}` : path,
    host: absolute?.[1] ?? hosts[0],
    fields: endToEnd(pairs),
    ...body.content,
  };
  return { request, rest: body.rest };
}

function readFields(lines: readonly string[]): [name: string, value: string][] | null {
  const pairs: [string, string][] = [];
  for (const line of lines) {
    const [, name, value = ''] = fieldLine.exec(line) ?? [];
    if (name === undefined) return null;
    pairs.push([name, value]);
  }
  return pairs;
}

type Body = { content: { body: string; trailers: string[] }; rest: string };

function readBody(
  text: string,
  values: (name: string) => string[],
  mayChunk: boolean,
): Body | null {
  const [lengths, encodings] = [values('content-length'), values('transfer-encoding')];
  if (encodings.length > 0) {
    const chunked = encodings.length === 1 && encodings[0]?.toLowerCase() === 'chunked';
    return chunked && mayChunk && lengths.length === 0 ? readChunks(text) : null;
  }
  if (lengths.length === 0) return { content: { body: '', trailers: [] }, rest: text };
  if (lengths.length > 1 || !/^\d{1,9}$/.test(lengths[0] ?? '')) return null;
  const length = Number(lengths[0]);
  if (text.length < length) return null;
  return { content: { body: text.slice(0, length), trailers: [] }, rest: text.slice(length) };
}

function readChunks(text: string): Body | null {
  let body = '';
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    const [, size] = chunkLine.exec(text.slice(at, Math.max(at, lineEnd))) ?? [];
    if (lineEnd < 0 || size === undefined) return null;
    const begin = lineEnd + 2;
    const length = Number.parseInt(size, 16);
    if (length === 0) {
      // The line's own end is the first half of the empty line where there are no trailers.
      const end = text.indexOf('\r\n\r\n', lineEnd);
      if (end < 0) return null;
      const trailers = readFields(end === lineEnd ? [] : text.slice(begin, end).split('\r\n'));
      if (trailers === null) return null;
      return { content: { body, trailers: endToEnd(trailers) }, rest: text.slice(end + 4) };
    }
    if (text.slice(begin + length, begin + length + 2) !== '\r\n') return null;
    body += text.slice(begin, begin + length);
    at = begin + length + 2;
  }
}

/** Without Host, the fields of the connection, and those that Connection names. */
export function endToEnd(pairs: readonly (readonly [string, string])[]): string[] {
  const named = pairs
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase()))
    .filter((option) => token.test(option));
  const without = new Set([...leftOut, ...named]);
  return pairs.filter(([name]) => !without.has(name.toLowerCase())).map((pair) => pair.join(': '));
}

/**
 * A path as conditions and templates see it, so that no other spelling of it slips past them: no
 * scheme and authority, repeated slashes as one, percent-encoding undone, but for an encoded slash
 * and an encoded percent sign, which would become another path. `encodePath` gives the same path
 * back.
 */
export function decodePath(path: string): string {
  const origin = path.startsWith('/') ? path : path.replace(/^https?:\/\/[^/]*/i, '') || '/';
  const single = origin.includes('//') ? origin.replace(/\/{2,}/g, '/') : origin;
  if (!single.includes('%')) return single;
  return percentDecode(single.replace(/%2f|%25/gi, (code) => `%25${code.slice(1)}`));
}

/** Undoes percent-encoding. Bytes that are no UTF-8 stay as they are, in capitals. */
export function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/(?:%[0-9a-f]{2})+/gi, decodeUtf8Only);
  }
}

function decodeUtf8Only(sequence: string): string {
  let decoded = '';
  for (let at = 0; at < sequence.length; ) {
    const lead = Number.parseInt(sequence.slice(at + 1, at + 3), 16);
    const bytes = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const part = sequence.slice(at, at + 3 * bytes);
    try {
      decoded += decodeURIComponent(part);
      at += part.length;
    } catch {
      decoded += sequence.slice(at, at + 3).toUpperCase();
      at += 3;
    }
  }
  return decoded;
}

/**
 * A path without the slashes at its end, which Elasticsearch drops: `/a/` names what `/a` does.
 * Undefined when there are none to drop.
 */
export function withoutEndSlash(path: string): string | undefined {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end--;
  return end === path.length ? undefined : path.slice(0, end);
}

/** A path for the wire: everything that may not stand in a path is encoded; `%41` stays. */
export function encodePath(path: string): string {
  return escape(path.startsWith('/') ? path : `/${path}`, /[^\x21-\x7e]|["#<>?\\^`{|}]/gu);
}

/** The same for path and query together. */
export function encodeTarget(target: string): string {
  return escape(target.startsWith('/') ? target : `/${target}`, /[^\x21-\x7e]|["#<>\\^`{|}]/gu);
}

/** A text for a header field: bytes of UTF-8, and no line ends or other control characters. */
export function fieldValue(text: string): string {
  if (!/[^\x20-\x7e]/.test(text)) return text.trim();
  const bytes = Buffer.from(text).toString('latin1');
  // oxlint-disable-next-line no-control-regex
  return bytes.replace(/[\0-\x08\x0a-\x1f\x7f]+/g, ' ').trim();
}

function escape(text: string, unsafe: RegExp): string {
  return text
    .toWellFormed()
    .replace(/%(?![0-9a-f]{2})/gi, '%25')
    .replace(unsafe, (char) => {
      const encoded = encodeURIComponent(char);
      if (encoded !== char) return encoded;
      return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
    });
}

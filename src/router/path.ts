import { GatewayError } from '../errors.ts';

/**
 * The path that rules are compared with. The target itself is passed on unchanged, so a spelling
 * that another server may read as a different path must not slip past a rule: percent-encoding is
 * undone by the tree (an encoded slash separates nothing), repeated slashes count as one, and dot
 * segments, which no client sends on purpose, are refused, also with parameters (`..;a`), which
 * servlet containers take off. Dots beside an encoded slash, as in the
 * id `../x`, are data of a segment.
 * @throws REQUEST_MALFORMED
 */
export function pathToMatch(target: string): string {
  const mark = target.indexOf('?');
  let path = mark < 0 ? target : target.slice(0, mark);
  if (plain.test(path)) return path;
  if (!path.startsWith('/')) path = fromAbsoluteForm(path);
  if (path.includes('#')) throw malformed('fragment in target');
  if (/%(?![0-9a-f]{2})/i.test(path)) throw malformed('bad percent-encoding');
  if (path.includes('%00')) throw malformed('NUL in path');
  if (/[/\\]\.\.?(?:[/\\;]|$)/.test(unescapeDots(path))) throw malformed('dot segment in path');
  return path.replace(/\/{2,}/g, '/');
}

/** Nothing that needs a second look: no empty segment, no segment that begins with a dot. */
const plain = /^\/$|^(?:\/[^/.%#\\][^/%#\\]*)+\/?$/;

function fromAbsoluteForm(target: string): string {
  // `*` of OPTIONS names no path; it is routed as the root.
  if (target === '*') return '/';
  const authority = /^https?:\/\/[^/]*/i.exec(target);
  if (authority === null) throw malformed('bad target');
  return target.slice(authority[0].length) || '/';
}

/** `%2e` is a dot to every reader (RFC 3986, 6.2.2.2), and `%5c` separates for some. */
function unescapeDots(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%2e/gi, '.').replace(/%5c/gi, '\\');
}

function malformed(reason: string): GatewayError {
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

import { GatewayError } from '../errors.ts';

/**
 * The path that rules are compared with. The target itself is passed on unchanged, so a spelling
 * that another server may read as a different path must not slip past a rule: percent-encoding is
 * undone by the tree (an encoded slash separates nothing), repeated slashes count as one, and dot
 * segments, which no client sends on purpose, are refused.
 * @throws REQUEST_MALFORMED
 */
export function pathToMatch(target: string): string {
  const mark = target.indexOf('?');
  let path = mark < 0 ? target : target.slice(0, mark);
  if (plain.test(path)) return path;
  if (!path.startsWith('/')) path = fromAbsoluteForm(path);
  if (path.includes('#'))
    throw new GatewayError('REQUEST_MALFORMED', { reason: 'fragment in target' });
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch (error) {
    throw new GatewayError('REQUEST_MALFORMED', { reason: 'bad percent-encoding' }, error);
  }
  if (/(?:^|[/\\])\.\.?(?:[/\\]|$)/.test(decoded)) {
    throw new GatewayError('REQUEST_MALFORMED', { reason: 'dot segment in path' });
  }
  if (decoded.includes('\0'))
    throw new GatewayError('REQUEST_MALFORMED', { reason: 'NUL in path' });
  return path.replace(/\/{2,}/g, '/');
}

/** Nothing that needs a second look: no empty segment, no segment that begins with a dot. */
const plain = /^\/$|^(?:\/[^/.%#\\][^/%#\\]*)+\/?$/;

function fromAbsoluteForm(target: string): string {
  // `*` of OPTIONS names no path; it is routed as the root.
  if (target === '*') return '/';
  const authority = /^https?:\/\/[^/]*/i.exec(target);
  if (authority === null) throw new GatewayError('REQUEST_MALFORMED', { reason: 'bad target' });
  return target.slice(authority[0].length) || '/';
}

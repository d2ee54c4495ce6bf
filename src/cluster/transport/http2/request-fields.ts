import { lengthOf } from '../../../http/body/body.ts';
import { parseLines } from '../../../http/headers/raw-lines.ts';
import { isIllegalValue, isNamed } from '../../../http/headers/syntax.ts';
import { checkRequestLine } from '../../../http/http1/encode.ts';
import type { RequestFields } from '../../../http/http2/client-session.ts';
import { GatewayError } from '../../../errors.ts';
import type { UpstreamRequest } from '../transport.ts';

/**
 * The head of a request as a session takes it.
 * @throws REQUEST_MALFORMED when a filter left something that must not be on the wire
 */
export function http2RequestFields(
  request: UpstreamRequest,
  scheme: 'http' | 'https',
): RequestFields {
  const { method, target, host, headers, body, acceptsTrailers } = request;
  checkRequestLine(method, target);
  if (isIllegalValue(host)) {
    const reason = 'field "Host" holds an illegal character';
    throw new GatewayError('REQUEST_MALFORMED', { reason });
  }
  const more: string[] = [];
  const fields = withoutCookies(headers, more);
  if (acceptsTrailers === true) more.push('te', 'trailers');
  const length = lengthOf(body);
  if (body !== null && length !== undefined) more.push('content-length', `${length}`);
  return { method, scheme, authority: host, path: target, fields, more };
}

/**
 * RFC 9113, 8.2.3: several Cookie lines are one, as nodes that know HTTP/1.1 would have them. It is
 * put into `more`; a single one stays where it is.
 */
function withoutCookies(
  headers: readonly string[] | string,
  more: string[],
): readonly string[] | string {
  if (typeof headers === 'string') {
    const first = headers.indexOf('ookie: ');
    if (first < 0 || headers.indexOf('ookie: ', first + 1) < 0) return headers;
  }
  const given = typeof headers === 'string' ? parseLines(headers) : headers;
  const kept: string[] = [];
  let cookie = '';
  for (let i = 0; i < given.length; i += 2) {
    const name = given[i] as string;
    const value = given[i + 1] as string;
    if (!isNamed(name, 'cookie')) kept.push(name, value);
    else cookie = cookie === '' ? value : `${cookie}; ${value}`;
  }
  if (cookie !== '') more.push('cookie', cookie);
  return kept;
}

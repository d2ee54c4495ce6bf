import { lengthOf } from '../../../http/body/body.ts';
import { parseLines } from '../../../http/headers/raw-lines.ts';
import { isIllegalValue, isToken } from '../../../http/headers/syntax.ts';
import { checkRequestLine } from '../../../http/http1/request-encode.ts';
import { GatewayError } from '../../../errors.ts';
import type { UpstreamRequest } from '../transport.ts';

/**
 * The fields of a request as a flat array, pseudo-header fields first.
 * @throws REQUEST_MALFORMED when a filter left something that must not be on the wire
 */
export function http2RequestFields(request: UpstreamRequest): string[] {
  const { method, target, host, headers, body, acceptsTrailers } = request;
  checkRequestLine(method, target);
  checkField('Host', host);
  const fields = [':method', method, ':path', target, ':scheme', 'https', ':authority', host];
  const given = typeof headers === 'string' ? parseLines(headers) : headers;
  let cookie = '';
  for (let i = 0; i < given.length; i += 2) {
    const name = (given[i] as string).toLowerCase();
    const value = given[i + 1] as string;
    checkField(name, value);
    if (name !== 'cookie') fields.push(name, value);
    else cookie = cookie === '' ? value : `${cookie}; ${value}`;
  }
  // RFC 9113, 8.2.3: several lines are one, as nodes that know HTTP/1.1 would have them.
  if (cookie !== '') fields.push('cookie', cookie);
  if (acceptsTrailers === true) fields.push('te', 'trailers');
  const length = lengthOf(body);
  if (body !== null && length !== undefined) fields.push('content-length', `${length}`);
  return fields;
}

function checkField(name: string, value: string): void {
  if (isToken(name) && !isIllegalValue(value)) return;
  const reason = `field ${JSON.stringify(name)} holds an illegal character`;
  throw new GatewayError('REQUEST_MALFORMED', { reason });
}

import { randomBytes } from 'node:crypto';
import { GatewayError } from '../../errors.ts';
import type { HeaderList } from '../../http/headers/header-list.ts';
import { isNamed } from '../../http/headers/syntax.ts';
import { dateField } from '../../http/http1/encode.ts';
import type { FieldSection } from '../../http/http2/field-section.ts';
import { isHost, isMethod, originTarget } from '../../http/request-target.ts';
import type { Fields } from '../../http/response-writer.ts';
import { toGatewayError } from '../exchange/error-response.ts';

/** The head of a request, as the rest of the gateway knows it. */
export interface Http2Head {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
  /** Content-Length, or undefined. */
  readonly length: number | undefined;
  readonly expectsContinue: boolean;
  /** The protocol that an extended CONNECT asks for; null for any other request. */
  readonly upgrade: string | null;
  readonly refusal: GatewayError | null;
}

/**
 * Reads a head that HTTP/2 finds well-formed. What is to be refused besides is what two readers could
 * understand in two ways once it is written as HTTP/1.1.
 */
export function requestHead(section: FieldSection): Http2Head {
  const { protocol, expect, length } = section;
  const { headers } = section;
  let { method } = section;
  let refusal = refusalOf(section);
  let target = section.path;
  if (protocol !== null && refusal === null) {
    // To everybody from here on it is what a client of HTTP/1.1 would ask for (RFC 8441, 5).
    method = 'GET';
    headers.set('Sec-WebSocket-Key', randomBytes(16).toString('base64'));
  }
  try {
    if (refusal === null) target = originTarget(method, target);
  } catch (error) {
    refusal = toGatewayError(error);
  }
  return {
    method,
    target,
    headers,
    length: length < 0 ? undefined : length,
    expectsContinue: expect !== null,
    upgrade: protocol,
    refusal,
  };
}

function refusalOf(section: FieldSection): GatewayError | null {
  const { method, scheme, authority, host, protocol, expect } = section;
  if (section.isTooLarge) return new GatewayError('HEAD_TOO_LARGE');
  if (method === 'CONNECT' && protocol !== 'websocket') {
    return new GatewayError('METHOD_NOT_ALLOWED', { method });
  }
  const named = authority ?? host;
  if (named === null) return malformed('no Host');
  if (!isHost(named)) return malformed('invalid Host');
  if (authority !== null && host !== null && authority !== host) {
    return malformed('Host is not the authority');
  }
  if (scheme !== 'https' && scheme !== 'http') return malformed('unknown scheme');
  if (!isMethod(method)) return malformed('invalid method');
  if (expect !== null && expect.toLowerCase() !== '100-continue') {
    return new GatewayError('EXPECTATION_FAILED');
  }
  return null;
}

/** The fields of a response, with Date. Those that frame it on HTTP/1 are left out when it is written. */
export function responseFields(fields: Fields): Fields {
  // Lines come with it.
  if (typeof fields === 'string') return fields;
  for (let i = 0; i < fields.length; i += 2)
    if (isNamed(fields[i] as string, 'date')) return fields;
  fields.push('date', dateField().slice('Date: '.length, -2));
  return fields;
}

function malformed(reason: string): GatewayError {
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

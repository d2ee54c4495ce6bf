import { HeaderList } from '../../http/headers/header-list.ts';
import { GatewayError } from '../../errors.ts';
import { toGatewayError } from '../exchange/error-response.ts';
import { isHost, isMethod, originTarget } from '../../http/request-target.ts';
import { statusValue } from '../../runtime/http2-status.ts';

/** The head of a request, as the rest of the gateway knows it. */
export interface Http2Head {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
  /** Content-Length, or undefined. */
  readonly length: number | undefined;
  readonly expectsContinue: boolean;
  readonly refusal: GatewayError | null;
}

/**
 * Reads the fields of a HEADERS frame, pseudo-header fields first. nghttp2 has refused what is
 * malformed: upper case, fields of a connection, pseudo-header fields in the wrong place; and it has
 * left out, without a word, fields with a character that is illegal in their name or value.
 */
export function requestHead(raw: readonly string[], maxSize: number): Http2Head {
  const fields: string[] = [];
  const cookies: string[] = [];
  let method = '';
  let target = '';
  let authority: string | undefined;
  let host: string | undefined;
  let length: number | undefined;
  let expectsContinue = false;
  let refusal: GatewayError | null = null;
  let size = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    size += name.length + value.length + 4;
    switch (name) {
      case ':method':
        method = value;
        break;
      case ':path':
        target = value;
        break;
      case ':authority':
        authority = value;
        break;
      case ':scheme':
        if (value !== 'https' && value !== 'http') refusal = malformed('unknown scheme');
        break;
      case 'host':
        if (host !== undefined) refusal = malformed('more than one Host');
        host = value;
        break;
      case 'cookie':
        cookies.push(value);
        break;
      case 'expect':
        if (value.toLowerCase() === '100-continue') expectsContinue = true;
        else refusal = new GatewayError('EXPECTATION_FAILED');
        break;
      case 'content-length':
        length = Number(value);
        fields.push(name, value);
        break;
      default:
        fields.push(name, value);
    }
  }
  if (authority !== undefined && host !== undefined && authority !== host) {
    refusal = malformed('Host is not the authority');
  }
  const named = authority ?? host;
  if (named === undefined) refusal = malformed('no Host');
  else if (!isHost(named)) refusal = malformed('invalid Host');
  if (method === 'CONNECT') refusal = new GatewayError('METHOD_NOT_ALLOWED', { method });
  // nghttp2 sees to it as soon as the client has acknowledged our settings.
  if (size > maxSize) refusal = new GatewayError('HEAD_TOO_LARGE');
  if (!isMethod(method)) refusal = malformed('invalid method');
  try {
    // The absolute form is HTTP/1's: a node could take its host for the request's.
    target = originTarget(method, target);
  } catch (error) {
    refusal ??= toGatewayError(error);
  }
  // HTTP/1 knows one Cookie field.
  if (cookies.length > 0) fields.push('cookie', cookies.join('; '));
  const headers = new HeaderList(['host', named ?? '', ...fields]);
  return { method, target, headers, length, expectsContinue, refusal };
}

/** The fields of a response, without those that frame it on a connection of HTTP/1. */
export function responseFields(status: number, headers: readonly string[]): string[] {
  const fields = [':status', statusValue(status)];
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (!ofConnection.has(name)) fields.push(name, headers[i + 1] as string);
  }
  return fields;
}

/** Interim fields and trailers as node:http2 takes them, without those of a connection. */
export function fieldLists(headers: readonly string[]): Record<string, string[]> {
  const fields: Record<string, string[]> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (!ofConnection.has(name)) (fields[name] ??= []).push(headers[i + 1] as string);
  }
  return fields;
}

const ofConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
]);

function malformed(reason: string): GatewayError {
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../../errors.ts';
import { illegalTrailer } from '../headers/trailers.ts';
import { isHost, requestTarget } from '../request-target.ts';

/** Limits of a request's head and announced length; 0 for none. */
interface RequestLimits {
  /** Field lines. */
  readonly max_header_count: number;
  /** Bytes. */
  readonly max_request_body_size: number;
}

/**
 * What is wrong with a request that node:http has let through, though two readers may understand it
 * in two ways (RFC 9110, 9112), or that is over a limit; null when it may go to its flow.
 */
export function refusalOf(request: IncomingMessage, limits: RequestLimits): GatewayError | null {
  const { rawHeaders, httpVersion, url = '', method = '' } = request;
  // It takes a line without a version for HTTP/0.9, and knows other versions besides.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return malformed('unknown HTTP version');
  const { max_header_count } = limits;
  if (max_header_count > 0 && rawHeaders.length > 2 * max_header_count) {
    return new GatewayError('HEAD_TOO_LARGE');
  }
  let host: string | null = null;
  let encodings = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const value = rawHeaders[i + 1] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') {
      if (host !== null) return malformed('more than one Host');
      if (!isHost(value)) return malformed('invalid Host');
      host = value;
    } else if (name.length === 14 && name.toLowerCase() === 'content-length') {
      const length = Number(value);
      if (!Number.isSafeInteger(length)) return malformed('invalid Content-Length');
      const limit = limits.max_request_body_size;
      if (limit > 0 && length > limit) return new GatewayError('BODY_TOO_LARGE', { limit });
    } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      if (++encodings > 1 || value.toLowerCase() !== 'chunked') {
        return malformed('Transfer-Encoding other than chunked');
      }
      if (httpVersion === '1.0') return malformed('Transfer-Encoding in HTTP/1.0');
    }
  }
  if (host === null && httpVersion === '1.1') return malformed('no Host');
  return method === 'CONNECT' ? null : targetRefusal(method, url);
}

function targetRefusal(method: string, target: string): GatewayError | null {
  try {
    requestTarget(method, target);
    return null;
  } catch (error) {
    return error as GatewayError;
  }
}

/** What is wrong with a body's trailers; null when they may pass. */
export function trailerRefusal(trailers: readonly string[]): GatewayError | null {
  const name = illegalTrailer(trailers);
  return name === null ? null : malformed(`${name} in trailers`);
}

function malformed(reason: string): GatewayError {
  return new GatewayError('REQUEST_MALFORMED', { reason });
}

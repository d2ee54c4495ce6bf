import { GatewayError, reasonOf } from '../../errors.ts';
import { errorBody } from '../../http/error-body.ts';
import { STATUS_CODES } from '../../runtime/modules/builtins.ts';

/** Converts anything thrown to an error with a code. */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown;
  return new GatewayError('INTERNAL', { reason: reasonOf(thrown) }, thrown);
}

/** A complete HTTP/1.1 response for a connection without a parsed request. */
export function rawErrorResponse(error: GatewayError, headers: readonly string[] = []): Buffer {
  const { contentType, body } = errorBody(error);
  let head = `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  head += `Content-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n`;
  head += `Date: ${new Date().toUTCString()}\r\nConnection: close\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

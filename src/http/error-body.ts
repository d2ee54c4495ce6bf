import { Buffer } from 'node:buffer';
import type { GatewayError } from '../errors.ts';

/** Body and media type of the answer that tells a client of an error. */
export function errorBody(error: GatewayError): { contentType: string; body: Buffer } {
  if (error.code === 'ROUTE_NOT_FOUND') {
    return { contentType: 'text/plain; charset=utf-8', body: Buffer.from(error.shown) };
  }
  const { code, shown, status } = error;
  const text = JSON.stringify({ error: { type: code, reason: shown }, status });
  return { contentType: 'application/json', body: Buffer.from(text) };
}

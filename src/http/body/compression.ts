import { gzipSync } from 'node:zlib';
import { type Body, isBuffered } from './body.ts';
import { GzipBody } from './gzip.ts';

/** Smaller bodies are not worth it, bytes. */
const smallest = 1024;

/** Whether the fields say that the body is encoded already, or must not be changed. */
function isFinal(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    if (name === 'content-encoding') return true;
    if (name === 'cache-control' && /\bno-transform\b/i.test(fields[i + 1] as string)) return true;
  }
  return false;
}

/** The body compressed, and `fields` say so; as it is when that is not worth it, or not allowed. */
export function compressed(body: Body, fields: string[]): Body {
  const small = body === null || (body.length !== undefined && body.length < smallest);
  if (small || isFinal(fields)) return body;
  fields.push('Content-Encoding', 'gzip');
  return isBuffered(body) ? gzipSync(body, { level: 1 }) : new GzipBody(body);
}

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';

/**
 * How an entry names itself to the next one (RFC 7239, `by`): the same in all workers and
 * generations, and no other gateway's.
 */
export function identityOf(dataFolder: string, entry: string): string {
  const hash = createHash('sha256').update(`${hostname()}\0${dataFolder}\0${entry}`);
  return `_${hash.digest('hex').slice(0, 16)}`;
}

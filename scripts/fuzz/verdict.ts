import { isDeepStrictEqual } from 'node:util';
import { readRequests, type Reading } from './reading.ts';

/**
 * Compares what a client sent and was told with what the backend got of it: of the requests that have
 * one reading those that were answered with its `ok`, each as it was, and nothing else. Says what is
 * wrong; null when nothing is.
 */
export function faultOf(sent: string, answer: string, arrived: readonly Reading[]): string | null {
  const statuses = [...answer.matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, status]) => status);
  const served = readRequests(sent).filter((_, index) => statuses[index] === '200');
  if (arrived.length !== served.length) {
    return `${arrived.length} requests arrived, not ${served.length}; the answers were ${statuses.join()}`;
  }
  for (const [index, reading] of arrived.entries()) {
    const expected = served[index] as Reading;
    // A request without Host gets that of the backend.
    const got = expected.host === undefined ? { ...reading, host: undefined } : reading;
    if (isDeepStrictEqual(got, expected)) continue;
    return `changed: ${JSON.stringify(expected)} became ${JSON.stringify(got)}`;
  }
  return null;
}

/** Which statuses of an answer to a check mean that the node is well. */
export type StatusTest = (status: number) => boolean;

/** A server is well that answers what it is asked for. */
export function isWell(status: number): boolean {
  return status >= 200 && status < 400;
}

/**
 * A node of Elasticsearch is well that wants a password first, or is too busy for more (429): what
 * clients send may be answered otherwise.
 */
export function isWellOfElasticsearch(status: number): boolean {
  return isWell(status) || status === 401 || status === 403 || status === 429;
}

/** Statuses as they are configured: `200`, `2xx`. */
export function statusTest(expected: readonly (number | string)[]): StatusTest {
  const patterns = new Set(expected.map(String));
  return (status) => patterns.has(`${status}`) || patterns.has(`${Math.floor(status / 100)}xx`);
}

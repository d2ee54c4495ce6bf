/** 205 is one that node:http2 knows to be without a body. */
const resetContent = 205;

/**
 * A status as node:http2 takes it for `:status`. It refuses those from 600 on, which some servers use
 * and HTTP/1.1 passes on, and cuts off the body of a 205. It looks at the number, but sends the text:
 * for these the two differ.
 */
export function statusValue(status: number): string {
  if (status < 600 && status !== resetContent) return `${status}`;
  const value = { valueOf: () => 200, toString: () => `${status}` };
  return value as unknown as string;
}

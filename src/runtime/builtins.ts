/**
 * node:http, taken without an import: an import reads each of its exports, and those for WebSockets
 * load the whole of fetch, which makes every process start later and weigh more.
 */
const http = process.getBuiltinModule('node:http');

export const {
  STATUS_CODES,
  ServerResponse,
  createServer,
  request,
  validateHeaderName,
  validateHeaderValue,
} = http;

/** node:http2, loaded by the first connection that speaks it. */
export function http2(): typeof import('node:http2') {
  return process.getBuiltinModule('node:http2');
}

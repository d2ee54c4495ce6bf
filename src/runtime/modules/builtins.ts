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
